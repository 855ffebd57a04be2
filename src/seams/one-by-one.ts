import { pause, type Clock } from './clock.ts'

/** So much work is done before others have a turn, in ms. */
const SLICE_MS = 10
/** Enough for them to have one, in ms. */
const OTHERS_MS = 1

/**
 * Lets those who each have some ms of work go one after the other, and everybody else in between. Else all who come at the
 * same moment are served in one go, however many they are.
 */
export class OneByOne {
  readonly #clock: Clock
  #last: Promise<void> = Promise.resolve()
  #workedMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Does the work when it is its turn. @throws what it throws */
  run<Result>(work: () => Result): Promise<Result> {
    const result = this.#last.then(() => this.#timed(work))
    const rest = (): Promise<void> | void => this.#rest()
    this.#last = result.then(rest, rest)
    return result
  }

  #timed<Result>(work: () => Result): Result {
    const beganMs = this.#clock.nowMs()
    try {
      return work()
    } finally {
      this.#workedMs += this.#clock.nowMs() - beganMs
    }
  }

  #rest(): Promise<void> | undefined {
    if (this.#workedMs < SLICE_MS) return undefined
    this.#workedMs = 0
    return pause(this.#clock, OTHERS_MS)
  }
}
