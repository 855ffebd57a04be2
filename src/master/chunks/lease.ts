import type { ChunkLease } from '../../protocol/chunks.ts'
import { DfsError } from '../../protocol/errors.ts'
import type { ChunkId, ChunkIndex, ChunkVersion, InodeId, ServerId } from '../../protocol/identifiers.ts'
import type { Stamp } from '../../protocol/master-api.ts'
import { ANY_VERSION } from './drops.ts'
import { nearestFirst } from './distance.ts'
import { grant } from './grant.ts'
import type { Lease } from './leases.ts'
import type { ChunkParts } from './parts.ts'

export interface LeaseRequest {
  stamp: Stamp
  inode: InodeId
  index: ChunkIndex
  /** Servers that failed the client. */
  suspects: readonly ServerId[]
  /** Under which version they did. */
  known?: ChunkVersion | undefined
}

/**
 * Makes a chunk writable.
 * @param found the chunk of this index; none makes it
 * @param near the client's machine
 * @throws DfsError 'no-replica', 'not-enough-servers', 'no-space', 'stale-handle', 'no-such-entry'
 */
export async function lease(
  parts: ChunkParts, request: LeaseRequest, found: ChunkId | undefined, near: string | undefined,
): Promise<ChunkLease> {
  // One that came with a new file and has no bytes is journalled as used first, or it might be collected under the writer.
  const chunk = found === undefined || parts.table.isUnwritten(found) ? await allocate(parts, request) : found
  return parts.locks.hold(chunk, async () => {
    const running = parts.leases.of(chunk)
    const given = running !== undefined && serves(parts, running, request)
      ? running
      : await grant(parts, chunk, { suspects: request.suspects, near })
    if (parts.table.chunk(chunk) === undefined) throw removedMeanwhile(parts, given)
    return asTold(parts, given, request.index, near)
  })
}

/** A lease as clients hear of it. */
export function asTold(parts: ChunkParts, given: Lease, index: ChunkIndex, near: string | undefined): ChunkLease {
  const members = given.members.flatMap(id => parts.servers.get(id) ?? [])
  const lossVersion = parts.table.chunk(given.chunk)?.lossVersion ?? 0
  return {
    index, chunk: given.chunk, version: given.version, primary: given.primary,
    replicas: nearestFirst(parts, members, near).map(({ shown }) => shown),
    ...(lossVersion === 0 ? {} : { lossVersion }),
  }
}

async function allocate({ table, locations, settling }: ChunkParts, { stamp, inode, index }: LeaseRequest): Promise<ChunkId> {
  // On too few servers a file would start its life under-replicated.
  await settling.settled()
  const fresh = table.nextChunk
  const { chunk } = await table.allocate(stamp, inode, index)
  // A repeated request is answered with a chunk of an earlier run of the master, of which nothing is known.
  if (chunk >= fresh && locations.of(chunk).length === 0) locations.setFresh(chunk)
  return chunk
}

function removedMeanwhile({ leases, locations, drops }: ChunkParts, { chunk, members }: Lease): DfsError {
  leases.end(chunk)
  locations.forget(chunk)
  for (const member of members) drops.add(member, chunk, ANY_VERSION)
  return new DfsError('no-such-entry', `chunk ${chunk} was removed meanwhile`)
}

/** Whether the client can go on with a lease as it is. */
function serves({ servers }: ChunkParts, running: Lease, { suspects, known }: LeaseRequest): boolean {
  if (running.doubted || servers.get(running.primary)?.link === undefined) return false
  if (known !== undefined) return running.version > known
  return !running.members.some(member => suspects.includes(member))
}
