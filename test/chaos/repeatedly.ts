import { setTimeout as pause } from 'node:timers/promises'
import { start } from '../cluster/harness.ts'
import type { Failure } from './outages.ts'

export interface Repeated {
  /** How often it was done. */
  count: number
  /** Each round that failed: its exit code and the end of what it said. */
  readonly failures: Failure[]
  /** Ends after the round under way. */
  stop(): Promise<void>
  /** Ends at once. */
  kill(): void
}

/** How long to rest after a failure, in ms. */
const REST_MS = 500

/** How much of what a failed round said is kept. */
const LINES = 6

/** Does the same over and over until stopped. */
export function repeatedly(script: string): Repeated {
  const stopping = new AbortController()
  const { signal } = stopping
  let killed = false
  let running: ReturnType<typeof start> | undefined
  let all = Promise.resolve()
  const repeated: Repeated = {
    count: 0,
    failures: [],
    stop: () => {
      stopping.abort()
      return all
    },
    kill: () => {
      killed = true
      stopping.abort()
      running?.child.kill('SIGKILL')
    },
  }
  const round = async (): Promise<void> => {
    const startedMs = Date.now()
    running = start('bash', ['-euo', 'pipefail', '-c', script])
    const { code, stdout, stderr } = await running.ended
    if (killed) return
    if (code === 0) {
      repeated.count++
      return
    }
    const said = `exit code ${String(code)}: ${(stdout + stderr).trim().split('\n').slice(-LINES).join(' | ')}`
    repeated.failures.push({ startedMs, endedMs: Date.now(), said })
    await pause(REST_MS)
  }
  all = (async () => {
    while (!signal.aborted) await round()
  })()
  return repeated
}
