import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../clusters/processes.ts'

/** An address that is not 127.0.0.1 (MooseFS refuses that) and that only the processes apart can see. */
export const ADDRESS = '10.77.0.1'

/** Folders in which programs of packages look for their files, or leave some. */
const COVERED = ['/etc', '/var/lib', '/var/log']

/** Where a work folder must not be: there the processes apart see a copy. */
export const isCovered = (folder: string): boolean =>
  [...COVERED, '/usr', '/run', '/proc'].some(covered => folder === covered || folder.startsWith(`${covered}/`))

/**
 * Runs a script of ours, with a work folder, in namespaces of its own: network, mounts, processes. However it ends, the
 * kernel ends all that it started and takes away all that it mounted; the same when we end, and when the signal says so.
 * @returns its exit code
 */
export async function runApart(script: string, work: string, signal: AbortSignal): Promise<number> {
  const child = spawn('setpriv', [
    '--pdeathsig', 'KILL', 'unshare', '--net', '--mount', '--ipc', '--uts', '--pid', '--fork', '--kill-child',
    '--mount-proc',
    process.execPath, '--disable-warning=ExperimentalWarning', script, work,
  ], { stdio: ['ignore', 'inherit', 'inherit'], detached: true, env: { ...process.env, TMPDIR: work } })
  const stop = (): void => { killFirst(child.pid) }
  signal.addEventListener('abort', stop)
  try {
    return await new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('exit', code => { resolve(code ?? 1) })
    })
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** Kills the first process of the namespace, with which the others die: when unshare ends after that, all have ended. */
function killFirst(unshare: number | undefined): void {
  if (unshare === undefined) return
  const pid = String(unshare)
  const [first] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  process.kill(first === undefined || first === '' ? unshare : Number(first), 'SIGKILL')
}

/** Whether this process is the first of its namespace: only then may it take all others for its own. */
const isApart = (): boolean => process.pid === 1

/**
 * Lays packages over the machine's own files, as this process and those it starts see them, and gives them a network.
 * @param packages a folder with etc, usr, var; nothing where all is installed @param work where changed files go
 */
export function settleApart(packages: string | undefined, work: string): void {
  assert(isApart(), 'only a process apart may change what it sees')
  if (packages !== undefined) overlay([`lowerdir=${join(packages, 'usr')}:/usr`], '/usr')
  for (const covered of COVERED) {
    const [upper, inner, from] = ['upper', 'inner', 'from'].map(kind => join(work, 'overlays', kind, covered))
    if (upper === undefined || inner === undefined || from === undefined) continue
    for (const folder of [upper, inner, from]) mkdirSync(folder, { recursive: true })
    const added = packages === undefined ? from : join(packages, covered)
    overlay([`lowerdir=${existsSync(added) ? added : from}:${covered}`, `upperdir=${upper}`, `workdir=${inner}`], covered)
  }
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', '/run'])
  execFileSync('ip', ['link', 'set', 'lo', 'up'])
  execFileSync('ip', ['address', 'add', `${ADDRESS}/32`, 'dev', 'lo'])
}

function overlay(options: readonly string[], over: string): void {
  execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', options.join(','), over])
}

/** Ends every other process that can be seen: all were started by this one. */
export async function endAllOthers(): Promise<void> {
  assert(isApart(), 'only a process apart may end all that it sees')
  const others = (): number[] => readdirSync('/proc').filter(name => /^\d+$/.test(name)).map(Number)
    .filter(pid => pid !== process.pid && !isZombie(pid))
  const gone = await eventually(() => {
    for (const pid of others()) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has ended meanwhile.
      }
    }
    return others().length === 0
  }, 30_000)
  if (!gone) throw new Error(`processes ${others().join(', ')} do not end`)
}

function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
    return 'ZX'.includes(stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3))
  } catch {
    return true
  }
}
