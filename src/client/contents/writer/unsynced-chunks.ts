import type { ChunkLease } from '../../../protocol/chunks.ts'
import type { ChunkId, ChunkIndex, ChunkVersion } from '../../../protocol/identifiers.ts'

/** A chunk with bytes that may not be on stable storage. */
export interface UnsyncedChunk {
  readonly index: ChunkIndex
  readonly chunk: ChunkId
  /** The oldest under which they were written. */
  readonly version: ChunkVersion
}

/** The chunks of one file that this client wrote, under whichever handle, and did not sync. */
export class UnsyncedChunks {
  readonly #chunks = new Map<ChunkIndex, UnsyncedChunk>()

  /** Bytes were written under a version; also those whose sync has failed, which may be older than what came meanwhile. */
  wrote({ index, chunk, version }: UnsyncedChunk): void {
    const before = this.#chunks.get(index)
    // Chunks take one another's place in the order of their ids: what was in an earlier one has been cut off.
    if (before !== undefined && (before.chunk > chunk || (before.chunk === chunk && before.version <= version))) return
    this.#chunks.set(index, { index, chunk, version })
  }

  /** That of an index, to be synced; as with {@link takeAll}. */
  take(index: ChunkIndex): UnsyncedChunk | undefined {
    const chunk = this.#chunks.get(index)
    this.#chunks.delete(index)
    return chunk
  }

  /** All of them, to be synced: none is unsynced any more unless it is written again. */
  takeAll(): UnsyncedChunk[] {
    const all = [...this.#chunks.values()]
    this.#chunks.clear()
    return all
  }

  /** The file was cut: chunks from this index on are gone. */
  cut(fromIndex: number): void {
    for (const index of this.#chunks.keys()) if (index >= fromIndex) this.#chunks.delete(index)
  }
}

/** Whether the replicas of a lease that have been synced may lack what was written: all of them lost power meanwhile. */
export function mayLack({ chunk, lossVersion = 0 as ChunkVersion }: ChunkLease, written: UnsyncedChunk): boolean {
  return chunk === written.chunk && lossVersion > written.version
}
