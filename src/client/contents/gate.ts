/** Lets many in at once, or one alone; who wants to be alone waits for those inside and holds up those behind. */
export class Gate {
  #inside = 0
  #alone = false
  readonly #waiting: { alone: boolean, enter: () => void }[] = []

  /** Runs among others. */
  async together<Result>(run: () => Promise<Result>): Promise<Result> {
    if (this.#alone || this.#waiting.length > 0) await this.#turn(false)
    else this.#inside++
    try {
      return await run()
    } finally {
      this.#inside--
      this.#next()
    }
  }

  /** Runs with nobody else inside. */
  async alone<Result>(run: () => Promise<Result>): Promise<Result> {
    if (this.#alone || this.#inside > 0 || this.#waiting.length > 0) await this.#turn(true)
    else this.#alone = true
    try {
      return await run()
    } finally {
      this.#alone = false
      this.#next()
    }
  }

  #turn(alone: boolean): Promise<void> {
    return new Promise(enter => { this.#waiting.push({ alone, enter }) })
  }

  /** Whoever enters is counted here, so that nobody slips in before it runs. */
  #next(): void {
    for (let first = this.#waiting[0]; first !== undefined && !this.#alone; first = this.#waiting[0]) {
      if (first.alone && this.#inside > 0) return
      this.#waiting.shift()
      if (first.alone) this.#alone = true
      else this.#inside++
      first.enter()
    }
  }
}
