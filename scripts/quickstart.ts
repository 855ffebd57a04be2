import { execFileSync, spawnSync } from 'node:child_process'
import { accessSync, constants, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { status, statusTable } from './clusters/status.ts'
import { up } from './clusters/up.ts'

/** A first look: a cluster of four processes on this machine, used as anyone would use it, and left running. */

const root = join(import.meta.dirname, '..')
const dir = join(root, '.quickstart')
const mountPoint = join(root, 'mnt')
/** What is copied in: real files that are there anyway. */
const sources = ['src', 'docs', 'scripts']

const step = (text: string): void => { console.log(`\n== ${text}`) }

/** Runs a command before the reader's eyes; ends the quick start where it fails. */
function show(command: string, ...args: string[]): void {
  const shown = [command, ...args].map(word => word.startsWith(`${root}/`) ? `./${relative(root, word)}` : word)
  console.log(`$ ${shown.join(' ')}`)
  const { status: code, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  if (error !== undefined) throw error
  if (code !== 0) throw new Error(`${command} ended with ${String(code)}: logs are in ${join(dir, 'logs')}`)
}

function canMount(): boolean {
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** The largest regular file of the tree that was copied, as a path below it. */
function largestFile(): string {
  const files = sources.flatMap(source => readdirSync(join(root, source), { recursive: true, withFileTypes: true }))
    .filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
  const largest = files.reduce((most, file) => statSync(file).size > statSync(most).size ? file : most)
  return relative(root, largest)
}

function useThroughMount(): void {
  const copy = join(mountPoint, 'project')
  step('Copying a real tree in, and reading it back')
  rmSync(copy, { recursive: true, force: true })
  show('mkdir', copy)
  show('cp', '-a', ...sources, copy)
  for (const source of sources) show('diff', '-r', source, join(copy, source))
  const count = execFileSync('find', [copy, '-type', 'f'], { encoding: 'utf8' }).trim().split('\n').length
  console.log(`${String(count)} files, and no difference`)
  step('Where the replicas of one file are')
  show(join(root, 'bin/dfs'), 'info', join(copy, largestFile()))
}

function useThroughCommands(master: string): void {
  const dfs = (...args: string[]): void => { show(join(root, 'bin/dfs'), ...args, '--master', master) }
  const back = mkdtempSync(join(tmpdir(), 'dfs-quickstart-'))
  try {
    step('Copying a real tree in, and reading it back')
    dfs('rm', '-rf', '/project')
    dfs('mkdir', '/project')
    dfs('put', '-rp', ...sources, '/project')
    dfs('ls', '/project')
    dfs('get', '-r', '/project', back)
    for (const source of sources) show('diff', '-r', source, join(back, 'project', source))
    console.log('no difference')
    step('Where the replicas of one file are')
    dfs('info', `/project/${largestFile()}`)
  } finally {
    rmSync(back, { recursive: true, force: true })
  }
}

function sayHowToGoOn(master: string, mounted: boolean): void {
  step('It keeps running')
  const on = mounted ? './mnt' : `--master ${master}`
  console.log([
    ...mounted
      ? ['use it       cp FILE mnt/, ls -l mnt, git clone … mnt/…: it is a directory like any other']
      : [`use it       bin/dfs put FILE / --master ${master}    (get, ls, cat, mkdir, mv, rm: bin/dfs --help)`],
    `look at it   bin/dfs status ${on}          bin/dfs info ${mounted ? 'mnt/PATH' : `/PATH ${on}`}`,
    '             scripts/cluster status --dir .quickstart      logs: .quickstart/logs',
    'stop it      scripts/cluster down --dir .quickstart        the data stays; this script starts it again',
  ].join('\n'))
}

async function run(): Promise<void> {
  const mounted = canMount()
  const before = await status(dir)
  const masterOf = (found: Awaited<ReturnType<typeof status>>): string =>
    found?.processes.find(process => process.role === 'master')?.address ?? ''
  if (before?.running === true) {
    step('It is up already')
    console.log(statusTable(before))
    sayHowToGoOn(masterOf(before), before.mount !== null)
    return
  }
  if (!mounted) {
    console.log('There is no /dev/fuse that may be used here, so nothing can be mounted: the dfs command does the same job.')
  }
  step(`Starting a master and three chunkservers${mounted ? ', and mounting them at ./mnt' : ''}`)
  await up({ dir, mount: mounted ? mountPoint : false, chunkservers: 3 }, line => { console.log(line) })
  const now = await status(dir)
  if (mounted) useThroughMount()
  else useThroughCommands(masterOf(now))
  sayHowToGoOn(masterOf(now), mounted)
}

try {
  await run()
} catch (error) {
  console.error(`quickstart: ${error instanceof Error ? error.message : String(error)}`)
  process.exit(1)
}
