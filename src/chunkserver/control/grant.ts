import type { ChunkOrigin, ServerAddress } from '../../protocol/chunks.ts'
import { DfsError } from '../../protocol/errors.ts'
import type { ChunkId, ChunkVersion } from '../../protocol/identifiers.ts'
import type { Parts } from '../parts.ts'
import { Lease } from '../primary/lease.ts'
import type { LocalChunk } from '../primary/local-chunk.ts'

export interface GrantRequest {
  chunk: ChunkId
  version: ChunkVersion
  origin: ChunkOrigin
  peers: ServerAddress[]
  leaseMs: number
  create: boolean
}

/**
 * Makes this server the chunk's primary under a version that it was fenced to, or of a chunk that is new.
 * @throws DfsError 'stale-replica' not fenced to that version in this process, 'already-exists' a new chunk has a replica
 */
export function grant(parts: Pick<Parts, 'self' | 'store' | 'chunks' | 'clock' | 'timing'>, request: GrantRequest): void {
  const { self, store, chunks, clock, timing } = parts
  const { version, origin, leaseMs } = request
  const chunk = chunks.at(request.chunk)
  const nowMs = clock.nowMs()
  // The same grant again, since its answer was lost: the numbers given so far stay given.
  if (chunk.lease?.terms.version === version) {
    if (chunk.lease.ended) throw new DfsError('stale-replica', `the lease of chunk ${chunk.id} under ${version} has ended`)
    chunk.lease.renew(nowMs)
    return
  }
  const lengthBytes = request.create ? beginNew(store, chunk, version) : lengthOfMember(store, chunk, version)
  const peers = request.peers.filter(({ server }) => server !== self)
  chunk.lease?.end()
  chunk.lease = new Lease(
    { chunk: chunk.id, version, origin, peers, leaseMs, create: request.create, lengthBytes, applyMs: timing.applyMs }, nowMs)
}

function beginNew(store: Parts['store'], chunk: LocalChunk, version: ChunkVersion): number {
  if (store.get(chunk.id) !== undefined) {
    throw new DfsError('already-exists', `chunk ${chunk.id} has a replica here: it has to be fenced`)
  }
  if (version <= chunk.promised) {
    throw new DfsError('stale-replica', `chunk ${chunk.id} was fenced to version ${chunk.promised} already`)
  }
  chunk.beginNew(version)
  return 0
}

function lengthOfMember(store: Parts['store'], chunk: LocalChunk, version: ChunkVersion): number {
  const replica = store.get(chunk.id)
  if (replica === undefined) throw new DfsError('no-such-replica', `chunk ${chunk.id} has no replica here`)
  if (replica.version !== version || !chunk.hasOrder(version)) {
    throw new DfsError('stale-replica', `chunk ${chunk.id} is at version ${replica.version} here and was not fenced to ${version}`)
  }
  // Whatever a power cut took from it, nobody has it: the master knew when it chose.
  replica.accept()
  return replica.lengthBytes
}

/** Ends a lease; resolves when the mutations under way are done. One that is not there, or newer, is left alone. */
export async function revoke(
  { chunks }: Pick<Parts, 'chunks'>, { chunk, version }: { chunk: ChunkId, version: ChunkVersion },
): Promise<void> {
  const lease = chunks.lease(chunk)
  if (lease === undefined || lease.terms.version > version) return
  lease.end()
  await Promise.allSettled(lease.running.values())
}
