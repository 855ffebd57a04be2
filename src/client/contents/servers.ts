import type { ServerAddress } from '../../protocol/chunks.ts'
import type { ServerId } from '../../protocol/identifiers.ts'
import type { Clock } from '../../seams/clock.ts'

const AVOID_MS = 15_000

/** A slow answer is one that takes this many times as long as usual, and never less than this. */
const SLOW_FACTOR = 4
const SLOW_MS_MIN = 200

/** Weight of one more answer in what is usual. */
const SMOOTHING = 1 / 16

/** A server in a log. */
export function shown({ server, address }: ServerAddress): string {
  return `${String(server)} at ${address}`
}

/** What this client has learned of the chunkservers: whom it could not reach lately, and how long answers usually take. */
export class Servers {
  readonly #clock: Clock
  readonly #avoidedUntilMs = new Map<ServerId, number>()
  #usualMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The master names the best for us first; those that did not answer lately come last. */
  inOrder(replicas: readonly ServerAddress[]): ServerAddress[] {
    if (this.#avoidedUntilMs.size === 0) return [...replicas]
    return [
      ...replicas.filter(({ server }) => !this.isAvoided(server)),
      ...replicas.filter(({ server }) => this.isAvoided(server)),
    ]
  }

  isAvoided(server: ServerId): boolean {
    const untilMs = this.#avoidedUntilMs.get(server)
    if (untilMs === undefined) return false
    if (untilMs > this.#clock.nowMs()) return true
    this.#avoidedUntilMs.delete(server)
    return false
  }

  /** The server did not answer. */
  avoid(server: ServerId): void {
    this.#avoidedUntilMs.set(server, this.#clock.nowMs() + AVOID_MS)
  }

  /** A read was answered. */
  answered(server: ServerId, tookMs: number): void {
    this.#avoidedUntilMs.delete(server)
    this.#usualMs += (tookMs - this.#usualMs) * SMOOTHING
  }

  /** After this long, asking another server as well is worth it. */
  get slowMs(): number {
    return Math.max(SLOW_MS_MIN, SLOW_FACTOR * this.#usualMs)
  }
}
