import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endMountsUnder, killMarked, MARK } from './left-overs.ts'
import { TapSummer, type TapSum } from './tap-sum.ts'

export interface FileResult extends TapSum {
  file: string
  seconds: number
  /** Why the file failed beside (or without) failed assertions: a deadline, an exit code, broken output. */
  trouble: string[]
  /** Processes and mounts that the file left behind; they have been ended. */
  left: string[]
  /** The end of what it wrote to standard error. */
  errorOutput: string
}

/** How much of a file's standard error is kept for its report. */
const ERROR_OUTPUT_CHARACTERS_MAX = 8_000

/** How long a file may take to say where it hangs, after SIGTERM, in ms. */
const LAST_WORDS_MS = 3_000

/** Whether a file did everything it should. */
export function isGood(result: FileResult): boolean {
  return result.failures.length === 0 && result.trouble.length === 0
}

/**
 * Runs one test file in a process group and a temporary folder of its own, and leaves nothing of it behind:
 * no process, no mount, no file.
 */
export async function runFile(file: string, { deadlineMs }: { deadlineMs: number }): Promise<FileResult> {
  const folder = mkdtempSync(join(tmpdir(), 'dfs-test-'))
  const startedMs = Date.now()
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: {
      ...process.env, [MARK]: folder, TMPDIR: folder,
      // tap's own deadline names the test that hangs, so it comes a little before ours.
      TAP_TIMEOUT: String(Math.max(1, Math.floor(deadlineMs / 1_000) - 5)),
    },
  })
  const trouble: string[] = []
  const tap = new TapSummer()
  let errorOutput = ''
  child.stdout.on('data', (output: Buffer) => { tap.write(output) })
  child.stderr.on('data', (output: Buffer) => {
    errorOutput = (errorOutput + output.toString()).slice(-ERROR_OUTPUT_CHARACTERS_MAX)
  })
  const signalGroup = (signal: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal)
    } catch {
      // Nobody is left in the group.
    }
  }
  const timers = [
    setTimeout(() => {
      trouble.push(`not done after ${String(deadlineMs / 1_000)} s`)
      child.kill('SIGTERM')
    }, deadlineMs),
    setTimeout(() => { signalGroup('SIGKILL') }, deadlineMs + LAST_WORDS_MS),
    // A file stuck in its own mount dies of no signal.
    setTimeout(() => { endMountsUnder(folder) }, deadlineMs + LAST_WORDS_MS + 500),
  ]
  const outputEnded = new Promise<void>(resolve => { child.on('close', () => { resolve() }) })
  await new Promise<void>(resolve => {
    child.on('error', error => {
      trouble.push(`could not be started: ${error.message}`)
      resolve()
    })
    child.on('exit', (code, signal) => {
      if (signal !== null) trouble.push(`ended by ${signal}`)
      else if (code !== 0) trouble.push(`exit code ${String(code)}`)
      resolve()
    })
  })
  for (const timer of timers) clearTimeout(timer)
  const seconds = (Date.now() - startedMs) / 1_000

  // Whatever it started may still hold its output open: end that first, then read the rest.
  const left = [...endMountsUnder(folder).map(path => `mount ${path}`), ...await killMarked(folder)]
  signalGroup('SIGKILL')
  await outputEnded
  const sum = tap.end()
  if (!sum.complete) trouble.push('its output is not complete')
  if (sum.passed + sum.skipped + sum.failures.length === 0) trouble.push('it tested nothing')
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  // tap ends with 1 where an assertion failed: that is said already.
  const told = sum.failures.length > 0 ? trouble.filter(text => text !== 'exit code 1') : trouble
  return { ...sum, file, seconds, trouble: told, left, errorOutput }
}
