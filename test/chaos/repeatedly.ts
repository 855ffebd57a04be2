import { setTimeout as pause } from 'node:timers/promises'
import { start } from '../cluster/harness.ts'

export interface Repeated {
  /** How often it was done. */
  count: number
  /** Each failure: its exit code and what it said. */
  readonly failures: string[]
  /** Ends after the round under way. */
  stop(): Promise<void>
  /** Ends at once. */
  kill(): void
}

/** How long to rest after a failure, in ms. */
const REST_MS = 500

/** Does the same over and over until stopped. */
export function repeatedly(script: string): Repeated {
  const stopping = new AbortController()
  const { signal } = stopping
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
      stopping.abort()
      running?.child.kill('SIGKILL')
    },
  }
  const round = async (): Promise<void> => {
    running = start('bash', ['-euo', 'pipefail', '-c', script])
    const { code, stdout, stderr } = await running.ended
    if (signal.aborted) return
    if (code === 0) {
      repeated.count++
      return
    }
    repeated.failures.push(`exit code ${String(code)}: ${(stdout + stderr).trim().split('\n').slice(-2).join(' | ')}`)
    await pause(REST_MS)
  }
  all = (async () => {
    while (!signal.aborted) await round()
  })()
  return repeated
}
