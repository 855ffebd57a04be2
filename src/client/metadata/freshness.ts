import type { Clock } from '../../seams/clock.ts'

/** Where in the order of all questions to the master something is: those over a later connection come later. */
export type Position = number

/** When something is asked for. */
export interface Sight {
  readonly atMs: number
  readonly era: number
  /** The question comes here or later. */
  readonly position: Position
}

const CALLS_MAX = 2 ** 32

/**
 * How fresh what we know is. Before it answers, the master tells of what others have changed. So all that was learned over
 * one connection, and not taken back since, is as true as the latest answer over that connection; unless the master says
 * that there was more than it could tell.
 */
export class Freshness {
  readonly #clock: Clock
  /** What was learned in an earlier one was perhaps taken back since. */
  #era = 0
  #calls: { readonly callsSent: number } = { callsSent: 0 }
  #answeredMs = -Infinity

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** To be taken before the master is asked. */
  sight(): Sight {
    return { atMs: this.#clock.nowMs(), era: this.#era, position: this.positionOf(this.#calls.callsSent + 1) }
  }

  /** The position of a call over the connection there is. */
  positionOf(call: number): Position {
    return this.#era * CALLS_MAX + call
  }

  /** The master has answered what was asked then. */
  answered({ atMs, era }: Sight): void {
    if (era === this.#era) this.#answeredMs = Math.max(this.#answeredMs, atMs)
  }

  /** There is a new connection, which counts its calls: what others have changed meanwhile is told over none. */
  reconnected(connection: { readonly callsSent: number }): void {
    this.#calls = connection
    this.lapsed()
  }

  /** Others have changed what we were not told of: what is known is good for its time, and no longer. */
  lapsed(): void {
    this.#era++
    this.#answeredMs = -Infinity
  }

  /** Whether what was learned from that question was true not longer than `ttlMs` ago. */
  isWithin(ttlMs: number, { atMs, era }: Sight): boolean {
    const lastMs = era === this.#era ? Math.max(atMs, this.#answeredMs) : atMs
    return this.#clock.nowMs() < lastMs + ttlMs
  }
}
