import type { ReplicaReport } from '../../protocol/chunks.ts'
import type { ChunkId, ChunkVersion } from '../../protocol/identifiers.ts'
import type { Parts } from '../parts.ts'

/** Removes replicas that the master has no use for. @returns those that are newer than the master knew, and stay */
export async function drop(
  { store, chunks }: Pick<Parts, 'store' | 'chunks'>, doomed: readonly { chunk: ChunkId, version: ChunkVersion }[],
): Promise<ReplicaReport[]> {
  const kept: ReplicaReport[] = []
  await Promise.all(doomed.map(async ({ chunk: id, version }) => {
    if (store.get(id) === undefined && chunks.lease(id) === undefined) return
    const chunk = chunks.at(id)
    await chunk.exclusive(async () => {
      const replica = store.get(id)
      if (replica !== undefined && replica.version > version) {
        kept.push(replica.report())
        return
      }
      // Under the first lease of a chunk the first mutation makes the replica: it must not come behind the drop.
      if (replica === undefined && (chunk.lease?.terms.version ?? 0) > version) return
      await chunk.endOrder()
      if (replica !== undefined) store.remove(id)
    })
  }))
  return kept
}
