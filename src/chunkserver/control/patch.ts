import { checksumOf, type Checksum } from '../../protocol/checksum.ts'
import type { ChunkOrigin, Extent } from '../../protocol/chunks.ts'
import { DfsError } from '../../protocol/errors.ts'
import type { ChunkId, ChunkVersion } from '../../protocol/identifiers.ts'
import type { Parts } from '../parts.ts'

export interface PatchRequest {
  chunk: ChunkId
  version: ChunkVersion
  origin: ChunkOrigin
  lengthBytes: number
  extents: Extent[]
  checksum: Checksum
  /** No more patches follow: the replica is like the other one then. */
  last: boolean
}

/** Older than every version: a replica under construction is never taken for a current one. */
const UNFINISHED = 0 as ChunkVersion

/** Whether a reconciliation that was to make this replica never came to its end. */
export function isUnfinished({ version }: { version: ChunkVersion }): boolean {
  return version === UNFINISHED
}

/**
 * On a peer of a primary to be: takes over the bytes in which the two differ.
 * @throws DfsError 'stale-replica' not fenced to that version, or newer; 'bad-message' damaged on the way
 */
export async function patch(
  { store, chunks }: Pick<Parts, 'store' | 'chunks'>, request: PatchRequest, data: Buffer,
): Promise<void> {
  if (checksumOf(data) !== request.checksum) {
    throw new DfsError('bad-message', `a patch of chunk ${request.chunk} does not match its checksum: damaged on the way`)
  }
  const chunk = chunks.at(request.chunk)
  await chunk.exclusive(async () => {
    const { version, origin, lengthBytes, extents } = request
    if (version < chunk.promised) {
      throw new DfsError('stale-replica', `chunk ${chunk.id} was fenced to version ${chunk.promised} here`)
    }
    const replica = store.get(chunk.id) ?? store.create(chunk.id, UNFINISHED, origin)
    if (replica.version !== version && !isUnfinished(replica)) {
      throw new DfsError('stale-replica', `chunk ${chunk.id} is at version ${replica.version} here, not ${version}`)
    }
    // What was done here may be undone by this: a client that repeats it must not be told that it is done.
    chunk.forgetCommits()
    await replica.patch(lengthBytes, extents, data.length === 0 ? [] : [data])
    if (!request.last) return
    await replica.sync()
    if (isUnfinished(replica)) await replica.fence(version)
    if (version >= chunk.promised && !chunk.hasOrder(version)) chunk.beginOrder(version)
  })
}
