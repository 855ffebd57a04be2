import type { Clock } from '../../src/seams/clock.ts'

/**
 * The turns of one process. One that is stopped, as by SIGSTOP, takes none: its timers, messages and disk wait, while time
 * goes on, and it finds that out when it goes on.
 */
export class Turns {
  readonly #clock: Clock
  readonly #waiting: (() => void)[] = []
  #stopped = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Runs `turn`, now or when the process goes on. */
  take(turn: () => void): void {
    if (this.#stopped) this.#waiting.push(turn)
    else turn()
  }

  get stopped(): boolean {
    return this.#stopped
  }

  stop(): void {
    this.#stopped = true
  }

  /** Goes on: what waited happens in its order, each in an event of its own. */
  go(): void {
    this.#stopped = false
    for (const turn of this.#waiting.splice(0)) this.#clock.after(0, () => { this.take(turn) })
  }

  /** The process is gone, and what waited with it. */
  end(): void {
    this.#stopped = false
    this.#waiting.length = 0
  }

  /** A clock whose timers run in turns of the process. */
  clock(): Clock {
    return {
      nowMs: () => this.#clock.nowMs(),
      wallNs: () => this.#clock.wallNs(),
      after: (delayMs, run) => this.#clock.after(delayMs, () => { this.take(run) }),
    }
  }
}
