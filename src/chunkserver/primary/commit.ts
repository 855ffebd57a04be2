import type { Mutation, Source } from '../../protocol/chunks.ts'
import type { CommitOutcome } from '../../protocol/chunkserver-api.ts'
import { DfsError, isError } from '../../protocol/errors.ts'
import type { ChunkId, ChunkVersion, CommitId } from '../../protocol/identifiers.ts'
import type { Parts } from '../parts.ts'
import type { CheckedBytes } from '../pipeline/held.ts'
import { bytesFrom } from '../pipeline/source.ts'
import { applyHere, type ApplyRequest } from './apply.ts'
import type { Lease } from './lease.ts'
import type { LocalChunk } from './local-chunk.ts'
import { blame, replicasFailed, settleAll } from './members.ts'
import { place, type Placed } from './place.ts'
import { replicate } from './replicate.ts'
import { syncEverywhere, syncHere } from './sync.ts'

export interface CommitRequest {
  chunk: ChunkId
  version: ChunkVersion
  commit: CommitId
  mutation: Mutation
  source: Source
  /** It is to be on stable storage, and all before it, before the outcome is known. */
  sync: boolean
}

/**
 * On the primary: orders a mutation and has every replica apply it. The secondaries go on in
 * src/chunkserver/primary/apply.ts, this replica in src/chunkserver/store.
 * @throws DfsError 'lease-lost', 'push-unknown', 'chunk-full', 'invalid', 'bad-message', 'no-space' (all replicas' disks
 *   are full): nothing was promised
 */
export async function commit(parts: Parts, request: CommitRequest, payload: Buffer): Promise<CommitOutcome> {
  // 1. Only the holder of the lease, and only while nobody has failed under it.
  const { chunk, lease } = parts.chunks.useLease(request.chunk, request.version)
  if (lease.failed.length > 0) return replicasFailed(lease)
  // 2. A repeat gets the first outcome; one that was applied under an older version is in all replicas, since they were
  //    made alike when this version began.
  const known = lease.running.get(request.commit) ?? chunk.recent.get(request.commit)
  if (known !== undefined) return request.sync ? synced(parts, request, await known) : known
  // 3. The bytes, and the place: a number once given must reach every replica.
  const bytes = bytesFrom(request.source, payload, parts.held)
  const placed = place(request.mutation, {
    dataBytes: bytes.data.length, lengthBytes: lease.plannedLengthBytes, chunkSizeBytes: lease.terms.origin.chunkSizeBytes,
  })
  lease.plannedLengthBytes = placed.lengthBytes
  // 4. The number, in the order of arrival; from here on others may follow.
  const { chunk: id, version, commit, source, sync } = request
  const serial = lease.takeSerial()
  const { create, terms: { origin } } = lease
  const outcome = everywhere(parts, chunk, lease, placed,
    { chunk: id, version, commit, source, sync, serial, origin, create, mutation: placed.mutation }, bytes)
  lease.running.set(commit, outcome)
  try {
    return await outcome
  } finally {
    lease.running.delete(commit)
  }
}

/** What was applied before is on stable storage now as well. */
async function synced(parts: Parts, request: CommitRequest, outcome: CommitOutcome): Promise<CommitOutcome> {
  if (outcome.outcome !== 'done') return outcome
  const disks = await syncEverywhere(parts, request)
  return disks.outcome === 'done' ? outcome : disks
}

/** Steps 5 and 6: every replica applies the mutation, then the outcome is known. */
async function everywhere(
  parts: Parts, chunk: LocalChunk, lease: Lease, placed: Placed, request: ApplyRequest, bytes: CheckedBytes,
): Promise<CommitOutcome> {
  // 5. At all secondaries and here at once: they begin while this server is busy with its own replica. Each applies by
  //    number, so many commits can be on their way.
  const elsewhere = lease.terms.peers.map(peer => ({ server: peer.server, done: replicate(parts, peer, request, bytes.data) }))
  const here = chunk.order(request.version).run(request.serial, () => applyHere(parts, chunk, request, bytes))
  const done = request.sync ? here.then(() => syncHere(parts, request)) : here
  const applied = await settleAll([{ server: parts.self, done }, ...elsewhere])
  // 6. Acknowledged only when all have it. A member that has not makes the version useless: the master has to choose the
  //    members anew and make them alike.
  blame(parts, lease, applied)
  // No choice of members could do better: waiting for room is up to the program that writes.
  if (applied.length > lease.terms.peers.length && applied.every(({ error }) => isError(error, 'disk-full'))) {
    throw new DfsError('no-space', `the disks of all servers of chunk ${request.chunk} are full`)
  }
  if (applied.length > 0) return replicasFailed(lease)
  lease.joined()
  lease.checkMayAcknowledge(parts.clock.nowMs())
  if (request.source.from === 'push') parts.held.applied(request.source.push)
  const { offsetBytes, writtenBytes, lengthBytes } = placed
  return { outcome: 'done', serial: request.serial, offsetBytes, writtenBytes, lengthBytes }
}
