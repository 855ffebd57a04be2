import { asDfsError, isError, type DfsError } from '../../protocol/errors.ts'
import { pause, type Clock } from '../../seams/clock.ts'
import type { Random } from '../../seams/random.ts'

const FIRST_PAUSE_MS = 20
const PAUSE_MS_MAX = 2_000

/** Decides whether something is tried once more, and after which pause. One for each thing that must succeed in the end. */
export class Patience {
  readonly #clock: Clock
  readonly #random: Random
  readonly #patienceMs: number
  #untilMs: number
  #pauseMs = FIRST_PAUSE_MS

  constructor({ clock, random }: { clock: Clock, random: Random }, patienceMs: number) {
    this.#clock = clock
    this.#random = random
    this.#patienceMs = patienceMs
    this.#untilMs = clock.nowMs() + patienceMs
  }

  /**
   * Waits a little, longer each time and never the same as other clients.
   * @throws the error itself when it is one to tell the caller, or patience has run out
   */
  async after(error: unknown): Promise<void> {
    this.check(error)
    const pauseMs = this.#pauseMs * (0.5 + this.#random.fraction())
    this.#pauseMs = Math.min(PAUSE_MS_MAX, this.#pauseMs * 2)
    await pause(this.#clock, pauseMs)
  }

  /** As after, for an error whose cause has been seen to: without a pause. */
  check(error: unknown): void {
    const known = asDfsError(error)
    // Who says that it is busy works for others: that takes as long as it takes.
    if (isError(known, 'busy')) this.#untilMs = this.#clock.nowMs() + this.#patienceMs
    if (!isWorthRepeating(known) || this.#clock.nowMs() >= this.#untilMs) throw known
  }
}

/** Whether the same request may well succeed later, or elsewhere. */
export function isWorthRepeating(error: DfsError): boolean {
  return error.recovery !== 'tell the caller' || isError(error, 'journal-failed')
}
