import type { ChunkId, ServerId } from '../../protocol/identifiers.ts'

interface Chunks {
  /** The chunks that a server has replicas of. May be gone through slowly. */
  of(server: ServerId): Iterator<ChunkId, undefined>
  /** Ids below have been handed out. */
  end(): number
}

/**
 * Which chunks are to be judged: those about which something has changed, all of a server that is judged otherwise than
 * before, and, for what nobody tells of, all there are, from the first to the last and again.
 */
export class Backlog {
  readonly #chunks: Chunks
  readonly #changed = new Set<ChunkId>()
  readonly #servers = new Map<ServerId, Iterator<ChunkId, undefined>>()
  #sweepAt = 0
  #swept = false

  constructor(chunks: Chunks) {
    this.#chunks = chunks
  }

  /** Something about the chunk has changed. */
  add(chunk: ChunkId): void {
    // After a start all chunks are reported, and the first sweep comes to each anyway.
    if (!this.#isAhead(chunk)) this.#changed.add(chunk)
  }

  addServer(server: ServerId): void {
    this.#servers.set(server, this.#chunks.of(server))
  }

  /** The chunk is no more. */
  remove(chunk: ChunkId): void {
    this.#changed.delete(chunk)
  }

  /** Whether it is known that the chunk is to be judged. */
  has(chunk: ChunkId): boolean {
    return this.#changed.has(chunk) || this.hasServers || this.#isAhead(chunk)
  }

  /** Whether all chunks have been swept since the start. */
  get swept(): boolean {
    return this.#swept
  }

  /** Whether the next sweep begins with the first chunk. */
  get isAtFirst(): boolean {
    return this.#sweepAt === 0
  }

  /** Whether some servers' chunks are still to be judged. */
  get hasServers(): boolean {
    return this.#servers.size > 0
  }

  /** Takes some of those about which something has changed. */
  take(max: number): ChunkId[] {
    const taken: ChunkId[] = []
    for (const chunk of this.#changed) {
      if (taken.length >= max) return taken
      this.#changed.delete(chunk)
      taken.push(chunk)
    }
    for (const [server, chunks] of this.#servers) {
      while (taken.length < max) {
        const next = chunks.next()
        if (next.done === true) {
          this.#servers.delete(server)
          break
        }
        taken.push(next.value)
      }
    }
    return taken
  }

  /** The next few of all there are or were. */
  sweep(max: number): ChunkId[] {
    const end = Math.min(this.#sweepAt + max, this.#chunks.end())
    const next = Array.from({ length: end - this.#sweepAt }, (_, index) => this.#sweepAt + index as ChunkId)
    this.#sweepAt = end
    if (end === this.#chunks.end()) {
      this.#sweepAt = 0
      this.#swept = true
    }
    return next
  }

  #isAhead(chunk: ChunkId): boolean {
    return !this.#swept && chunk >= this.#sweepAt
  }
}
