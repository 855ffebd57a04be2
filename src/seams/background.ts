import { Bell } from './bell.ts'
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
  const bell = new Bell()
  let stopped = false
  const isStopped = (): boolean => stopped
  const running = (async () => {
    for (;;) {
      await bell.wait(clock, everyMs)
      if (isStopped()) return
      bell.silence()
      try {
        await step()
      } catch (error) {
        log.error({ error, task: name }, `${name} failed and will be tried again`)
      }
    }
  })()
  return {
    hurry: () => { bell.ring() },
    stop: () => {
      stopped = true
      bell.ring()
      return running
    },
  }
}

/** Shortest time for others between two slices of long work, in ms. */
const OTHERS_MS = 1

/**
 * Does long work in slices, and leaves time to others in between: who waits for this process waits for one slice at the most.
 * @param slice does a few ms of the work @returns whether there is more
 * @param share what of the time the work may take
 */
export async function takeTurns(clock: Clock, slice: () => boolean, { share = 0.5 }: { share?: number } = {}): Promise<void> {
  for (;;) {
    const beganMs = clock.nowMs()
    if (!slice()) return
    await pause(clock, Math.max(OTHERS_MS, (clock.nowMs() - beganMs) * (1 / share - 1)))
  }
}

/** Does something with each of many items, so many in a slice: see {@link takeTurns}. */
export function eachInTurns<Item>(
  clock: Clock, items: Iterable<Item>, sliceItems: number, run: (item: Item) => void,
): Promise<void> {
  const iterator = items[Symbol.iterator]()
  return takeTurns(clock, () => {
    for (let left = sliceItems; left > 0; left--) {
      const next = iterator.next()
      if (next.done === true) return false
      run(next.value)
    }
    return true
  })
}
