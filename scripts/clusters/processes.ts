import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ProcessIdentity } from './state.ts'

/** How often a condition is looked at again, in ms. */
const POLL_MS = 30

const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()

/** State letter and start of a process; undefined when there is none. Never blocks, unlike reading its command line. */
function statOf(pid: number): { state: string, startTicks: string } | undefined {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
    // The second field is the name in brackets and may itself hold spaces and brackets.
    const [state = '', ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { state, startTicks: fields[18] ?? '' }
  } catch {
    return undefined
  }
}

export function identify(pid: number): ProcessIdentity | undefined {
  const stat = statOf(pid)
  return stat === undefined ? undefined : { pid, startTicks: stat.startTicks, bootId: bootId() }
}

/** Whether exactly this process still runs; one that only waits to be reaped does not. */
export function isRunning(identity: ProcessIdentity | undefined): identity is ProcessIdentity {
  if (identity === undefined || identity.bootId !== bootId()) return false
  const stat = statOf(identity.pid)
  return stat !== undefined && stat.startTicks === identity.startTicks && !'ZX'.includes(stat.state)
}

/** Starts a program that outlives us, in a session of its own, its output at the end of a log. */
export function startDaemon(command: string, args: readonly string[], log: string): { process: ProcessIdentity, logStart: number } {
  mkdirSync(dirname(log), { recursive: true })
  const output = openSync(log, 'a')
  try {
    const logStart = statSync(log).size
    const child = spawn(command, args, { detached: true, cwd: '/', stdio: ['ignore', output, output] })
    child.on('error', () => {}) // Said below, or by whoever waits for it.
    child.unref()
    const identity = child.pid === undefined ? undefined : identify(child.pid)
    if (identity === undefined) throw new Error(`${command} could not be started`)
    return { process: identity, logStart }
  } finally {
    closeSync(output)
  }
}

/** The last lines that a log got since a place. */
export function logTail(log: string, start: number): string {
  const text = readFileSync(log).subarray(start).toString().trimEnd()
  return text.split('\n').slice(-6).join('\n')
}

/** Waits until something is so. @returns false when the time is over */
export async function eventually(isSo: () => boolean | Promise<boolean>, withinMs: number): Promise<boolean> {
  const endMs = performance.now() + withinMs
  while (!await isSo()) {
    if (performance.now() > endMs) return false
    await sleep(POLL_MS)
  }
  return true
}

/** Asks processes to end, and ends those that have not after a while. @returns the pids that had to be killed */
export async function stopAll(identities: readonly ProcessIdentity[], withinMs: number): Promise<number[]> {
  const signal = (identity: ProcessIdentity, name: NodeJS.Signals): void => {
    try {
      if (isRunning(identity)) process.kill(identity.pid, name)
    } catch (error) {
      // It may end between the look and the signal.
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
    }
  }
  for (const identity of identities) signal(identity, 'SIGTERM')
  await eventually(() => !identities.some(isRunning), withinMs)
  const stubborn = identities.filter(isRunning)
  for (const identity of stubborn) signal(identity, 'SIGKILL')
  await eventually(() => !stubborn.some(isRunning), withinMs)
  return stubborn.map(identity => identity.pid)
}
