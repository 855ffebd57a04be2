import type { ChunkId, ChunkVersion } from '../../protocol/identifiers.ts'
import type { ReplicaStore } from '../store/store.ts'

/** Ends the doubt that a power cut left: the master has chosen the replica as it is. One at another version it did not mean. */
export function accept(store: ReplicaStore, { chunk, version }: { chunk: ChunkId, version: ChunkVersion }): void {
  const replica = store.get(chunk)
  if (replica?.version === version) replica.accept()
}
