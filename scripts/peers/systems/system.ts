import { execFileSync } from 'node:child_process'
import { eventually, isRunning, logTail, startDaemon } from '../../clusters/processes.ts'
import type { Needed } from '../packages.ts'

/** A file system that can be measured: how a throw-away cluster of it comes up. */
export interface System {
  readonly title: string
  /** What must be there; absent where it comes with us or with any machine. */
  readonly needed?: Needed
  /** @param folder an empty one, for data and logs; ending all processes and removing it undoes everything */
  start(folder: string): Promise<Started>
}

export interface Started {
  mountpoint: string
  version: string
  /** In words, for whoever judges the figures. */
  settings: string[]
  /** A shell command that makes the mount's own process forget what it has cached: unmounts and mounts again. */
  remount?: string
}

/** How long a daemon may take until it serves, in ms. */
const START_MS_MAX = 60_000

/** Starts a server that stays in the foreground, and waits until it serves. @throws Error with the end of its log */
export async function serve(
  { command, args, log, serves }: { command: string, args: readonly string[], log: string, serves: () => boolean },
): Promise<void> {
  const { process: identity, logStart } = startDaemon(command, args, log)
  const came = await eventually(() => serves() || !isRunning(identity), START_MS_MAX)
  if (!came || !isRunning(identity)) throw new Error(`${command} does not serve:\n${logTail(log, logStart)}`)
}

/** Runs a program to its end. @returns what it printed @throws Error with what it complained of */
export function run(command: string, args: readonly string[]): string {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: START_MS_MAX })
  } catch (error) {
    const complaint = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error)
    throw new Error(`${[command, ...args].join(' ')} failed:\n${complaint}`, { cause: error })
  }
}

/** Whether a program ends well. */
export function succeeds(command: string, args: readonly string[]): boolean {
  try {
    run(command, args)
    return true
  } catch {
    return false
  }
}
