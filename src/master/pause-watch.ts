import type { Log } from '../seams/log.ts'
import type { Pause, Pauses } from '../seams/pauses.ts'

/** A pause from which clients notice that the master was busy with something else, in ms. */
const LONG_MS = 50

/** Notes when the master could not react: every client waits then, whatever it wants. */
export class PauseWatch {
  readonly #pauses: Pauses
  readonly #log: Log
  #longest: Pause = { pauseMs: 0, workMs: 0 }

  constructor({ pauses, log }: { pauses: Pauses, log: Log }) {
    this.#pauses = pauses
    this.#log = log
    // Before the master serves anybody, nobody waits for it.
    pauses.take()
  }

  /** One look: logs a long pause. */
  step(): void {
    const taken = this.#pauses.take()
    const pauseMs = Math.round(taken.pauseMs)
    const workMs = Math.round(taken.workMs)
    this.#longest = { pauseMs: Math.max(this.#longest.pauseMs, pauseMs), workMs: Math.max(this.#longest.workMs, workMs) }
    if (pauseMs < LONG_MS) return
    this.#log.warn({ pauseMs, workMs }, `the master could not react for ${pauseMs} ms, and was at work for ${workMs} ms of it`)
  }

  /** Since the master started, in whole ms. */
  get longest(): Pause {
    this.step()
    return this.#longest
  }
}
