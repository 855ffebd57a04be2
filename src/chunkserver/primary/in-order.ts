import { asDfsError, DfsError } from '../../protocol/errors.ts'
import type { Clock, Timer } from '../../seams/clock.ts'
import { bounds } from '../config.ts'

interface Waiting {
  timer: Timer | undefined
  start(): void
  refuse(error: DfsError): void
}

/**
 * Runs work one piece at a time in the order of its numbers, from 1 and without gaps, whatever order it arrives in.
 * Once a piece has failed, none behind it may run: it would be applied to something else than its author saw.
 */
export class InOrder {
  readonly #clock: Clock
  readonly #waitMs: number
  readonly #waiting = new Map<number, Waiting>()
  /** The number that may start once nothing runs. */
  #next = 1
  #running: Promise<void> | undefined
  #ended: DfsError | undefined

  /** @param options.waitMs how long a piece waits while nothing runs */
  constructor({ clock, waitMs }: { clock: Clock, waitMs: number }) {
    this.#clock = clock
    this.#waitMs = waitMs
  }

  /**
   * @throws DfsError 'deadline-passed' an earlier piece did not come for `waitMs`, 'busy' too many wait,
   *   'invalid' the number was used, what {@link end} was given, and what the work throws
   */
  run<Result>(number: number, work: () => Promise<Result> | Result): Promise<Result> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended)
    if (number < this.#next || this.#waiting.has(number)) {
      return Promise.reject(new DfsError('invalid', `number ${number} has come before`))
    }
    if (number === this.#next && this.#running === undefined) return this.#start(work)
    if (this.#waiting.size >= bounds.waitingAppliesMax) {
      return Promise.reject(new DfsError('busy', `${this.#waiting.size} wait for number ${this.#next} already`))
    }
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        timer: undefined,
        start: () => { this.#start(work).then(resolve, reject) },
        refuse: reject,
      }
      this.#waiting.set(number, waiting)
      this.#watch(number, waiting)
    })
  }

  /** Gives up on a piece that waits for one that does not come; a slow one that runs is no reason to. */
  #watch(number: number, waiting: Waiting): void {
    const missing = this.#next
    waiting.timer = this.#clock.after(this.#waitMs, () => {
      if (this.#running !== undefined || this.#next !== missing) {
        this.#watch(number, waiting)
        return
      }
      this.#waiting.delete(number)
      waiting.refuse(new DfsError('deadline-passed', `number ${missing} did not come, ${number} waited for it`))
    })
  }

  /** Refuses what waits and what comes from now on; resolves when the piece under way has ended. */
  async end(reason: DfsError): Promise<void> {
    this.#refuseAll(reason)
    await this.#running
  }

  get ended(): boolean {
    return this.#ended !== undefined
  }

  #start<Result>(work: () => Promise<Result> | Result): Promise<Result> {
    this.#next++
    const result = (async () => work())()
    this.#running = result.then(() => {}, (error: unknown) => {
      this.#refuseAll(new DfsError('replica-failed', `an earlier mutation failed: ${asDfsError(error).message}`))
    }).then(() => {
      this.#running = undefined
      const following = this.#waiting.get(this.#next)
      if (following === undefined) return
      this.#waiting.delete(this.#next)
      following.timer?.cancel()
      following.start()
    })
    return result
  }

  #refuseAll(reason: DfsError): void {
    this.#ended ??= reason
    for (const waiting of this.#waiting.values()) {
      waiting.timer?.cancel()
      waiting.refuse(reason)
    }
    this.#waiting.clear()
  }
}
