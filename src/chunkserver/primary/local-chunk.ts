import { DfsError } from '../../protocol/errors.ts'
import type { ChunkId, ChunkVersion } from '../../protocol/identifiers.ts'
import type { Clock } from '../../seams/clock.ts'
import { bounds } from '../config.ts'
import { InOrder } from './in-order.ts'
import type { Lease } from './lease.ts'
import { RecentCommits } from './recent-commits.ts'

/** What this server knows in memory of one chunk that is being written, beside its replica in the store. */
export class LocalChunk {
  readonly id: ChunkId
  readonly recent = new RecentCommits()
  /** Mutations under older versions are refused. */
  promised = 0 as ChunkVersion
  /** The first version whose mutations are all in `recent`, as far as they can still be repeated. */
  rememberedSince: ChunkVersion | undefined
  lease: Lease | undefined
  usedAtMs: number
  #order: { version: ChunkVersion, inOrder: InOrder } | undefined
  #exclusive: Promise<void> = Promise.resolve()
  #waiting = 0
  readonly #clock: Clock
  readonly #waitMs: number

  constructor(id: ChunkId, { clock, waitMs }: { clock: Clock, waitMs: number }) {
    this.id = id
    this.#clock = clock
    this.#waitMs = waitMs
    this.usedAtMs = clock.nowMs()
  }

  get busy(): boolean {
    return this.#waiting > 0 || (this.lease !== undefined && !this.lease.ended)
  }

  /**
   * The order of the mutations under a version. It is begun only by what makes a replica a member of that version, in this
   * process: after a restart its place in the order is unknown, and the master has to fence it again.
   * @throws DfsError 'lease-lost'
   */
  order(version: ChunkVersion): InOrder {
    if (this.#order?.version !== version) {
      throw new DfsError('lease-lost', `chunk ${this.id} takes no mutations of version ${version} here`)
    }
    return this.#order.inOrder
  }

  hasOrder(version: ChunkVersion): boolean {
    return this.#order?.version === version
  }

  /** As {@link beginOrder}, where there is no replica: what was done to one that was here before has gone with it. */
  beginNew(version: ChunkVersion): void {
    this.forgetCommits()
    this.beginOrder(version)
  }

  beginOrder(version: ChunkVersion): void {
    this.promised = Math.max(this.promised, version) as ChunkVersion
    this.rememberedSince ??= version
    this.#order = { version, inOrder: new InOrder({ clock: this.#clock, waitMs: this.#waitMs }) }
  }

  /** The bytes were replaced by another replica's: what was done here may be undone, and what was done there is not known. */
  forgetCommits(): void {
    this.recent.clear()
    this.rememberedSince = undefined
  }

  /** Refuses mutations that have not started; resolves when none runs. */
  async endOrder(): Promise<void> {
    this.lease?.end()
    await this.#order?.inOrder.end(new DfsError('lease-lost', `chunk ${this.id} was fenced`))
  }

  /** Runs work that changes the replica outside of the order of mutations, one piece after the other. */
  exclusive<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#waiting++
    const result = this.#exclusive.then(work)
    const ended = (): void => { this.#waiting-- }
    this.#exclusive = result.then(ended, ended)
    return result
  }
}

/** The chunks that are being written here. */
export class LocalChunks {
  readonly #options: { clock: Clock, waitMs: number }
  /** Least lately used first. */
  readonly #chunks = new Map<ChunkId, LocalChunk>()
  readonly #renewals = new Set<Lease>()

  constructor(options: { clock: Clock, waitMs: number }) {
    this.#options = options
  }

  /** The chunk's state, begun if there is none. */
  at(id: ChunkId): LocalChunk {
    const chunk = this.#chunks.get(id) ?? new LocalChunk(id, this.#options)
    chunk.usedAtMs = this.#options.clock.nowMs()
    this.#chunks.delete(id)
    this.#chunks.set(id, chunk)
    if (this.#chunks.size > bounds.activeChunksMax) this.#forgetOldest()
    return chunk
  }

  /**
   * The lease under which something begins now.
   * @throws DfsError 'lease-lost' this server is not the chunk's primary under that version, or not for long enough
   */
  useLease(id: ChunkId, version: ChunkVersion): { chunk: LocalChunk, lease: Lease } {
    const lease = this.#chunks.get(id)?.lease
    if (lease === undefined) throw new DfsError('lease-lost', `no lease of chunk ${id}: none was granted`)
    const nowMs = this.#options.clock.nowMs()
    lease.checkMayStart(version, nowMs)
    if (lease.wantsRenewal(nowMs)) this.#renewals.add(lease)
    return { chunk: this.at(id), lease }
  }

  /** Takes leases that were used late in their term, to ask the master for more. They come again when they are used again. */
  takeRenewals(most: number): Lease[] {
    const taken: Lease[] = []
    for (const lease of this.#renewals) {
      if (taken.length === most) break
      this.#renewals.delete(lease)
      if (lease.isGood) taken.push(lease)
    }
    return taken
  }

  lease(id: ChunkId): Lease | undefined {
    return this.#chunks.get(id)?.lease
  }

  /** Forgets chunks that were not written for long, and ends the leases that ran out by far. @returns how many */
  forgetIdle(): number {
    const oldestMs = this.#options.clock.nowMs() - bounds.idleChunkMs
    let forgotten = 0
    for (const [id, chunk] of this.#chunks) {
      if (chunk.usedAtMs > oldestMs) break
      chunk.lease?.end()
      if (chunk.busy) continue
      this.#chunks.delete(id)
      forgotten++
    }
    return forgotten
  }

  /** Many in one go: to find the oldest means to pass by those that are busy, and where forgotten ones were. */
  #forgetOldest(): void {
    let left = Math.ceil(bounds.activeChunksMax / 64)
    for (const [id, chunk] of this.#chunks) {
      if (chunk.busy) continue
      this.#chunks.delete(id)
      if (--left === 0) return
    }
  }
}
