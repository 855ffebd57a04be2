import type { Clock } from '../../src/seams/clock.ts'

/** Operations that the message of a failed run tells of, for each client. */
const LATEST_MAX = 60

/** What one client did lately. */
export class Journey {
  readonly latest: string[] = []
  readonly #clock: Clock
  readonly #label: string

  constructor(clock: Clock, label: string) {
    this.#clock = clock
    this.#label = label
  }

  get doing(): string {
    return this.latest.at(-1) ?? 'nothing'
  }

  set doing(operation: string) {
    this.latest.push(`${this.#clock.nowMs().toFixed(0)} ms: ${this.#label}: ${operation}`)
    if (this.latest.length > LATEST_MAX) this.latest.shift()
  }
}
