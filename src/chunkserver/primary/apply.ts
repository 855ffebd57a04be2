import type { ChunkOrigin, PlacedMutation, Source } from '../../protocol/chunks.ts'
import type { Checksum } from '../../protocol/checksum.ts'
import { DfsError } from '../../protocol/errors.ts'
import type { ChunkId, ChunkVersion, CommitId, SerialNumber } from '../../protocol/identifiers.ts'
import { limits } from '../../protocol/limits.ts'
import type { Parts } from '../parts.ts'
import type { CheckedBytes } from '../pipeline/held.ts'
import { bytesFrom } from '../pipeline/source.ts'
import type { LocalChunk } from './local-chunk.ts'
import { placed } from './place.ts'
import { syncHere } from './sync.ts'

export interface ApplyRequest {
  chunk: ChunkId
  version: ChunkVersion
  origin: ChunkOrigin
  /** The chunk is new under this version. */
  create: boolean
  commit: CommitId
  serial: SerialNumber
  mutation: PlacedMutation
  source: Source
  /** It is to be on stable storage before it is answered. */
  sync: boolean
}

type ApplyParts = Pick<Parts, 'store' | 'chunks' | 'held' | 'health'>

/**
 * On a secondary: applies a mutation under the number its primary gave it, each number once and without gaps.
 * Goes on in src/chunkserver/store.
 * @throws DfsError 'push-unknown' the number is not used up: send the bytes;
 *   'lease-lost', 'replica-failed' not a member of that version
 */
export async function applyAsSecondary(parts: ApplyParts, request: ApplyRequest, payload: Buffer): Promise<void> {
  // 1. Only under the version the master last fenced this replica to, or for a chunk that is new here.
  const chunk = parts.chunks.at(request.chunk)
  joinIfNew(parts, chunk, request)
  const order = chunk.order(request.version)
  // 2. The bytes, before the number counts as used: without them the primary tries again.
  const bytes = bytesFrom(request.source, payload, parts.held)
  // 3. In order.
  await order.run(request.serial, () => applyHere(parts, chunk, request, bytes))
  if (request.source.from === 'push') parts.held.applied(request.source.push)
  // 4. Others need not wait for the disk.
  if (request.sync) await syncHere(parts, request)
}

/**
 * A chunk that was never here belongs to no version yet: its first mutation makes it a member.
 * @throws DfsError 'lease-lost' there is a newer version, or a restart lost the place in the order of this one;
 *   'replica-failed' this server was never fenced to that version, so it is no member
 */
function joinIfNew({ store }: ApplyParts, chunk: LocalChunk, { version, create }: ApplyRequest): void {
  if (chunk.hasOrder(version)) return
  const replica = store.get(chunk.id)
  const here = Math.max(chunk.promised, replica?.version ?? 0)
  // Not if others have more than the mutations of this version: a replica that was here and went must be copied.
  if (create && replica === undefined && version > here) {
    chunk.beginNew(version)
    return
  }
  if (version < here || replica?.version === version) {
    throw new DfsError('lease-lost', `chunk ${chunk.id} is at version ${here} here and takes no mutations of ${version}`)
  }
  throw new DfsError('replica-failed', `chunk ${chunk.id} was not fenced to version ${version} here`)
}

/** Applies one mutation to the replica here; the caller keeps the order. */
export async function applyHere(
  { store, health }: Pick<Parts, 'store' | 'health'>, chunk: LocalChunk,
  request: Omit<ApplyRequest, 'source'>, { data, pieces }: CheckedBytes,
): Promise<void> {
  const { writtenBytes, offsetBytes, lengthBytes } = placed(request.mutation, store.get(chunk.id)?.lengthBytes ?? 0)
  if (writtenBytes > data.length) {
    throw new DfsError('invalid', `extents of ${writtenBytes} bytes with ${data.length} bytes of data`)
  }
  // An append that reached the end of the chunk leaves some of its bytes over.
  const used = writtenBytes === data.length ? data : data.subarray(0, writtenBytes)
  await health.watch(() => change({ store }, request, used, pieces))
  chunk.recent.remember(request.commit, { outcome: 'done', serial: request.serial, offsetBytes, writtenBytes, lengthBytes })
}

/** Changes the replica; makes it where this is the first mutation of a new chunk. */
async function change(
  { store }: Pick<Parts, 'store'>, { chunk, version, origin, create, serial, mutation }: Omit<ApplyRequest, 'source'>,
  data: Buffer, pieces: readonly Checksum[],
): Promise<void> {
  let replica = store.get(chunk)
  if (replica === undefined) {
    if (!create || serial !== 1) throw new DfsError('no-such-replica', `chunk ${chunk} has no replica here`)
    const start = isStart(mutation, data)
    replica = store.create(chunk, version, origin, start ? data : undefined)
    if (start) return
  }
  if (replica.version !== version) {
    throw new DfsError('lease-lost', `chunk ${chunk} is at version ${replica.version} here, not ${version}`)
  }
  await replica.apply(mutation, data.length === 0 ? [] : [data], pieces)
}

/** Whether it is all that a new replica begins with, and little: that can be written when its file is made. */
function isStart(mutation: PlacedMutation, data: Buffer): boolean {
  if (mutation.kind !== 'write' || mutation.extents.length !== 1) return false
  return mutation.extents[0]?.offsetBytes === 0 && data.length <= limits.blockBytes
}
