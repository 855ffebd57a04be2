import type { Checksum } from '../../protocol/checksum.ts'
import type { Replica } from './replica.ts'

/** What the store lends to a copy: taking its place among the replicas, or leaving. */
export interface CopyEnd {
  takePlace(replica: Replica): Promise<Replica>
  discard(replica: Replica): void
}

/** A replica that is being fetched from another server, under temporary names; a crash leaves nothing of it. */
export class ReplicaCopy {
  readonly #replica: Replica
  readonly #end: CopyEnd
  #ended = false

  /** @internal the store begins copies */
  constructor(replica: Replica, end: CopyEnd) {
    this.#replica = replica
    this.#end = end
  }

  get lengthBytes(): number {
    return this.#replica.lengthBytes
  }

  /**
   * Writes bytes that were checked on arrival; several calls may be under way.
   * @param known as in {@link Replica.apply}
   */
  write(offsetBytes: number, data: Uint8Array, known?: readonly Checksum[]): Promise<void> {
    const extents = [{ offsetBytes, lengthBytes: data.length }]
    return this.#replica.apply({ kind: 'write', extents }, [data], known)
  }

  /**
   * Makes the copy durable and puts it in the place of any older replica of the chunk.
   * @param lengthBytes of the chunk, which may end with zeros that were not written
   * @throws DfsError 'stale-replica' a newer one came meanwhile; the copy is discarded, as after any error
   */
  async finish(lengthBytes = this.lengthBytes): Promise<Replica> {
    this.#ended = true
    try {
      if (lengthBytes !== this.lengthBytes) await this.#replica.apply({ kind: 'resize', lengthBytes }, [])
      return await this.#end.takePlace(this.#replica)
    } catch (error) {
      this.#end.discard(this.#replica)
      throw error
    }
  }

  /** Removes what was copied; after {@link finish} does nothing. */
  abort(): void {
    if (this.#ended) return
    this.#ended = true
    this.#end.discard(this.#replica)
  }
}
