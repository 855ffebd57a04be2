/** Memory for unsent bytes, shared by all files of a client: writers wait their turn when it is used up. */
export class WriteBudget {
  readonly #limitBytes: number
  readonly #onPressure: () => void
  readonly #waiting: { bytes: number, go: () => void }[] = []
  #usedBytes = 0

  /** @param onPressure called when somebody has to wait: what is dirty should leave now */
  constructor(limitBytes: number, onPressure: () => void) {
    this.#limitBytes = limitBytes
    this.#onPressure = onPressure
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  take(bytes: number): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#fits(bytes)) {
      this.#usedBytes += bytes
      return undefined
    }
    const turn = new Promise<void>(go => { this.#waiting.push({ bytes, go }) })
    this.#onPressure()
    return turn
  }

  giveBack(bytes: number): void {
    this.#usedBytes -= bytes
    for (let next = this.#waiting[0]; next !== undefined && this.#fits(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#usedBytes += next.bytes
      next.go()
    }
    if (this.#waiting.length > 0) this.#onPressure()
  }

  /** One slab always fits, or a tiny budget would stop everything. */
  #fits(bytes: number): boolean {
    return this.#usedBytes === 0 || this.#usedBytes + bytes <= this.#limitBytes
  }
}
