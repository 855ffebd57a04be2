import { asDfsError, type DfsError } from '../../protocol/errors.ts'

/** Failures of what was done for a file behind everyone's back, until somebody has been told. */
export class Faults {
  readonly #onFault: (fault: DfsError) => void
  #count = 0
  #last: DfsError | undefined
  #untold: DfsError | undefined

  /** @param onFault hears of each at once, for the log */
  constructor(onFault: (fault: DfsError) => void) {
    this.#onFault = onFault
  }

  /** How many there were so far, and the last of them. */
  get known(): { count: number, last: DfsError | undefined } {
    return { count: this.#count, last: this.#last }
  }

  add(error: unknown): void {
    this.#count++
    this.#last = asDfsError(error)
    this.#untold = this.#last
    this.#onFault(this.#last)
  }

  /** Throws the last one, if nobody was told of it. */
  tell(): void {
    const fault = this.#untold
    this.#untold = undefined
    if (fault !== undefined) throw fault
  }
}
