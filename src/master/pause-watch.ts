import type { Log } from '../seams/log.ts'
import type { Pauses } from '../seams/pauses.ts'

/** A pause from which clients notice that the master was busy with something else, in ms. */
const LONG_MS = 50

/** Notes when the master could not react: every client waits then, whatever it wants. */
export class PauseWatch {
  readonly #pauses: Pauses
  readonly #log: Log
  #longestMs = 0

  constructor({ pauses, log }: { pauses: Pauses, log: Log }) {
    this.#pauses = pauses
    this.#log = log
  }

  /** One look: logs a long pause. */
  step(): void {
    const pauseMs = Math.round(this.#pauses.take())
    this.#longestMs = Math.max(this.#longestMs, pauseMs)
    if (pauseMs >= LONG_MS) this.#log.warn({ pauseMs }, `the master could not react for ${pauseMs} ms`)
  }

  /** Since the master started, in ms. */
  get longestMs(): number {
    this.step()
    return this.#longestMs
  }
}
