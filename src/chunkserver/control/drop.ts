import type { ChunkId, ChunkVersion } from '../../protocol/identifiers.ts'
import type { Parts } from '../parts.ts'

/** Removes replicas that the master has no use for; one that is newer than the master knew stays. */
export async function drop(
  { store, chunks }: Pick<Parts, 'store' | 'chunks'>, doomed: readonly { chunk: ChunkId, version: ChunkVersion }[],
): Promise<void> {
  await Promise.all(doomed.map(async ({ chunk: id, version }) => {
    if (store.get(id) === undefined) return
    const chunk = chunks.at(id)
    await chunk.exclusive(async () => {
      const replica = store.get(id)
      if (replica === undefined || replica.version > version) return
      await chunk.endOrder()
      store.remove(id)
    })
  }))
}
