/** Bounds how many things are under way at the same time; who waits goes first come, first served. */
export class Streams {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  /** How many more may start at once. */
  get free(): number {
    return this.#free
  }

  async take(): Promise<void> {
    if (this.#free > 0) {
      this.#free--
      return
    }
    await new Promise<void>(resolve => { this.#waiting.push(resolve) })
  }

  giveBack(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free++
    else next()
  }
}
