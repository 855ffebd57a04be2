/** Lets many in together or one alone, in the order in which they came. */
export class Gate {
  #inside = 0
  #alone = false
  readonly #waiting: { alone: boolean, enter: () => void }[] = []

  /** Whether shared work could begin at once. */
  get isOpen(): boolean {
    return !this.#alone && this.#waiting.length === 0
  }

  /** Runs `work` beside other shared work, never beside work that is alone. */
  async shared<Result>(work: () => Result | Promise<Result>): Promise<Result> {
    if (this.isOpen) this.#inside++
    else await this.#turn({ alone: false })
    try {
      return await work()
    } finally {
      this.#inside--
      this.#admit()
    }
  }

  /** Runs `work` while nothing else is inside. */
  async alone<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#alone || this.#inside > 0 || this.#waiting.length > 0) await this.#turn({ alone: true })
    else this.#alone = true
    try {
      return await work()
    } finally {
      this.#alone = false
      this.#admit()
    }
  }

  #turn({ alone }: { alone: boolean }): Promise<void> {
    return new Promise(enter => { this.#waiting.push({ alone, enter }) })
  }

  #admit(): void {
    for (;;) {
      const [first] = this.#waiting
      if (first === undefined || this.#alone || (first.alone && this.#inside > 0)) return
      this.#waiting.shift()
      if (first.alone) this.#alone = true
      else this.#inside++
      first.enter()
    }
  }
}
