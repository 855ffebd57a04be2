import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'

const server = fileURLToPath(new URL('memory-server.ts', import.meta.url))

/** Nothing here takes seconds: whoever waits longer has found a bug, and must not wait for ever. */
const DEADLINE_MS = 25_000

/** Why nothing can be mounted here; undefined where it can. */
export function whyNoMount(): string | undefined {
  if (process.getuid?.() !== 0) return 'NOT TESTED: only root may mount'
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK)
    return undefined
  } catch {
    return 'NOT TESTED: there is no /dev/fuse'
  }
}

export interface Mounted {
  /** The mount points, all of one file system. */
  directories: string[]
  process: ChildProcess
  /** What the server logged at warn and above. */
  complaints: () => string
}

/**
 * A file system in memory, served by another process (this one may wait for it without a deadlock). However the test ends,
 * the mounts go away: the server dies with its standard input, or is killed, and the kernel cuts off whoever still waits.
 */
export async function mounted(t: Test, { count = 1, cacheMs = 1_000 } = {}): Promise<Mounted> {
  const folder = await mkdtemp(path.join(tmpdir(), 'dfs-fuse-'))
  const directories = Array.from({ length: count }, (_, index) => path.join(folder, `mount-${String(index)}`))
  for (const directory of directories) await mkdir(directory)
  const child = spawn(process.execPath, [server, String(cacheMs), ...directories], {
    stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, UV_THREADPOOL_SIZE: '16' },
  })
  const watchdog = setTimeout(() => { child.kill('SIGKILL') }, DEADLINE_MS)
  let complaints = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => { complaints += text })
  t.teardown(async () => {
    clearTimeout(watchdog)
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit')
      const impatience = setTimeout(() => { child.kill('SIGKILL') }, 5_000)
      child.stdin.end()
      await exited
      clearTimeout(impatience)
    }
    for (const directory of directories) await runToEnd('umount', ['-i', '-l', directory])
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  })
  const [first] = await Promise.race([once(child.stdout.setEncoding('utf8'), 'data'), once(child, 'exit')]) as [unknown]
  if (typeof first !== 'string' || !first.startsWith('ready')) throw new Error(`the server did not mount: ${complaints}`)
  return { directories, process: child, complaints: () => complaints }
}

export interface Ended {
  status: number | null
  output: string
  errors: string
}

/** Runs a command with a deadline. */
export async function runToEnd(
  command: string, args: readonly string[],
  { cwd, uid, gid, env }: { cwd?: string, uid?: number, gid?: number, env?: NodeJS.ProcessEnv } = {},
): Promise<Ended> {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'], timeout: DEADLINE_MS, killSignal: 'SIGKILL', env: { ...process.env, ...env },
    ...cwd === undefined ? {} : { cwd }, ...uid === undefined ? {} : { uid }, ...gid === undefined ? {} : { gid },
  })
  let output = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => { output += text })
  child.stderr.setEncoding('utf8').on('data', (text: string) => { errors += text })
  const [status] = await once(child, 'close') as [number | null]
  return { status, output, errors }
}
