import type { ReplicaDigest } from '../../protocol/chunks.ts'
import { DfsError } from '../../protocol/errors.ts'
import type { ChunkId, ChunkVersion } from '../../protocol/identifiers.ts'
import type { Parts } from '../parts.ts'
import { isUnfinished } from './patch.ts'

export type FenceReply = ReplicaDigest & { state: 'good' | 'doubtful', rememberedSince: ChunkVersion }

/**
 * Moves the replica to a version, durably: afterwards no mutation of an older one can be applied here.
 * @throws DfsError 'no-such-replica', 'stale-replica' (newer than asked for), 'corrupt', 'disk-failed'
 */
export async function fence(
  { store, chunks, health }: Pick<Parts, 'store' | 'chunks' | 'health'>,
  { chunk: id, version }: { chunk: ChunkId, version: ChunkVersion },
): Promise<FenceReply> {
  const chunk = chunks.at(id)
  if (version < chunk.promised) throw newerThan(id, version, chunk.promised)
  // 1. Nothing older starts from here on. Remembered even where there is no replica: a late first mutation of an older
  //    version must not make one behind the master's back.
  chunk.promised = version
  const ended = chunk.endOrder()
  return chunk.exclusive(async () => {
    // 2. What runs may finish.
    await ended
    const replica = store.get(id)
    if (replica === undefined || isUnfinished(replica)) {
      if (replica !== undefined) store.remove(id)
      throw new DfsError('no-such-replica', `chunk ${id} has no replica here`)
    }
    if (version < chunk.promised || version < replica.version) throw newerThan(id, version, replica.version)
    if (replica.state === 'corrupt') throw new DfsError('corrupt', `the replica of chunk ${id} is corrupt`)
    // 3. On stable storage, so that a restart does not forget it.
    await health.watch(() => replica.fence(version))
    // 4. A member of the version from now on, if the master says so; a later fence that waits already makes it one of its.
    if (chunk.promised === version) chunk.beginOrder(version)
    return {
      ...replica.digest(),
      state: replica.state === 'doubtful' ? 'doubtful' : 'good',
      rememberedSince: chunk.rememberedSince ?? version,
    }
  })
}

function newerThan(chunk: ChunkId, version: ChunkVersion, here: ChunkVersion): DfsError {
  return new DfsError('stale-replica', `chunk ${chunk} is at version ${here} here, newer than ${version}`)
}
