import { pause, type Clock } from './clock.ts'
import type { Log } from './log.ts'

/** Work that comes again and again; owns timer, errors and stopping, so that a step only does its work. */
export interface Repeated {
  /** Runs the next step at once instead of when it is due. */
  hurry(): void
  /** Resolves when the step under way has ended; no other starts. */
  stop(): Promise<void>
}

/** Runs `step` every `everyMs`, never twice at a time. A step that throws is logged and comes again. */
export function repeat(
  { clock, log, everyMs, name }: { clock: Clock, log: Log, everyMs: number, name: string },
  step: () => Promise<void> | void,
): Repeated {
  let waiting = new AbortController()
  let stopped = false
  const isStopped = (): boolean => stopped
  const running = (async () => {
    for (;;) {
      await pause(clock, everyMs, waiting.signal)
      if (isStopped()) return
      waiting = new AbortController()
      try {
        await step()
      } catch (error) {
        log.error({ error, task: name }, `${name} failed and will be tried again`)
      }
    }
  })()
  return {
    hurry: () => { waiting.abort() },
    stop: () => {
      stopped = true
      waiting.abort()
      return running
    },
  }
}
