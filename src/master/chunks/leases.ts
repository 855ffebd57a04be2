import type { ChunkId, ChunkVersion, ServerId } from '../../protocol/identifiers.ts'
import type { Clock } from '../../seams/clock.ts'

/** A running lease: the primary orders the mutations, the members have all that is acknowledged. */
export interface Lease {
  readonly chunk: ChunkId
  readonly version: ChunkVersion
  readonly primary: ServerId
  /** The primary and its peers. */
  readonly members: readonly ServerId[]
  endsAtMs: number
  /** When it was granted, or its primary last said that it was used. */
  usedAtMs: number
  /** The primary has registered anew and may have forgotten the lease: it must be granted again before it is given out. */
  doubted: boolean
}

/**
 * The leases that run. They are only in memory: after a restart the master fences replicas before it grants a lease
 * anew, so one that it has forgotten can do no harm.
 */
export class Leases {
  readonly #clock: Clock
  readonly #leaseMs: number
  readonly #leases = new Map<ChunkId, Lease>()

  constructor({ clock, leaseMs }: { clock: Clock, leaseMs: number }) {
    this.#clock = clock
    this.#leaseMs = leaseMs
  }

  /** Call it when the primary has answered: it counts its term from before that. */
  begin(lease: { chunk: ChunkId, version: ChunkVersion, primary: ServerId, members: readonly ServerId[] }): Lease {
    const nowMs = this.#clock.nowMs()
    const begun = { ...lease, endsAtMs: nowMs + this.#leaseMs, usedAtMs: nowMs, doubted: false }
    this.#leases.set(lease.chunk, begun)
    return begun
  }

  /**
   * As {@link begin}, for a lease that clients hear of before its primary has accepted it.
   * @param accepted resolves with whether the primary has. Until it did, nobody knows when its term began, and so the lease
   *   runs here for as long; it takes a fence to end one of which that never is known.
   */
  beginEarly(
    lease: { chunk: ChunkId, version: ChunkVersion, primary: ServerId, members: readonly ServerId[] }, accepted: Promise<boolean>,
  ): Lease {
    const begun = this.begin(lease)
    begun.endsAtMs = Infinity
    void accepted.then(yes => {
      if (yes) begun.endsAtMs = this.#clock.nowMs() + this.#leaseMs
      else begun.doubted = true
    })
    return begun
  }

  of(chunk: ChunkId): Lease | undefined {
    const lease = this.#leases.get(chunk)
    return lease !== undefined && this.#clock.nowMs() < lease.endsAtMs ? lease : undefined
  }

  /** @returns the leases that go on for another term */
  renew(server: ServerId, used: readonly { chunk: ChunkId, version: ChunkVersion }[]): ChunkId[] {
    const nowMs = this.#clock.nowMs()
    const renewed: ChunkId[] = []
    for (const { chunk, version } of used) {
      const lease = this.of(chunk)
      if (lease?.primary !== server || lease.version !== version || lease.doubted) continue
      lease.endsAtMs = nowMs + this.#leaseMs
      lease.usedAtMs = nowMs
      renewed.push(chunk)
    }
    return renewed
  }

  end(chunk: ChunkId): void {
    this.#leases.delete(chunk)
  }

  /**
   * A primary has registered anew. If its process is a new one the leases are forgotten there; if only the connection was
   * lost they go on there, so they still count as running here.
   */
  doubtThoseOf(server: ServerId): void {
    for (const lease of this.#leases.values()) if (lease.primary === server) lease.doubted = true
  }

  /** All that run, or may. */
  * running(): Iterable<Lease> {
    const nowMs = this.#clock.nowMs()
    for (const lease of this.#leases.values()) if (nowMs < lease.endsAtMs) yield lease
  }

  /** Forgets the leases that have run out. @returns them */
  expire(): Lease[] {
    const nowMs = this.#clock.nowMs()
    const ended = [...this.#leases.values()].filter(({ endsAtMs }) => nowMs >= endsAtMs)
    for (const { chunk } of ended) this.#leases.delete(chunk)
    return ended
  }

  get count(): number {
    return this.#leases.size
  }
}
