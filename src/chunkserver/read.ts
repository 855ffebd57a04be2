import type { Checksum } from '../protocol/checksum.ts'
import type { ReplicaReport } from '../protocol/chunks.ts'
import { DfsError } from '../protocol/errors.ts'
import type { ChunkId, ChunkVersion } from '../protocol/identifiers.ts'
import type { Replica } from './store/replica.ts'
import type { ReplicaStore } from './store/store.ts'

export interface ReadRequest {
  chunk: ChunkId
  version: ChunkVersion
  offsetBytes: number
  lengthBytes: number
}

export interface ReadResult {
  reply: { checksum: Checksum, version: ChunkVersion, replicaLengthBytes: number }
  payload: Buffer[]
  spent: true
}

/**
 * Reads a range of a replica, verified against its checksums.
 * @throws DfsError 'no-such-replica', 'stale-replica' older than asked for or doubtful, 'corrupt', 'disk-failed'
 */
export async function read(store: ReplicaStore, request: ReadRequest): Promise<ReadResult> {
  const replica = atLeast(store, request.chunk, request.version)
  // A client may still know this place from before the power cut. What was lost here others have, or the master accepts.
  if (replica.state === 'doubtful') {
    throw new DfsError('stale-replica', `chunk ${request.chunk} may lack its last writes here, after a power cut`)
  }
  const { offsetBytes, lengthBytes } = request
  const { data, checksum } = await replica.read(offsetBytes, lengthBytes)
  return {
    reply: { checksum, version: replica.version, replicaLengthBytes: lengthSeen(replica, request, data.length) },
    payload: [data],
    spent: true,
  }
}

/** The length that goes with the bytes: the replica may have grown since they were read. */
function lengthSeen(replica: Replica, { offsetBytes, lengthBytes }: ReadRequest, gotBytes: number): number {
  if (gotBytes === lengthBytes) return Math.max(replica.lengthBytes, offsetBytes + gotBytes)
  return gotBytes > 0 ? offsetBytes + gotBytes : Math.min(replica.lengthBytes, offsetBytes)
}

/** The replica, at this version or a newer one. @throws DfsError 'no-such-replica', 'stale-replica' */
export function atLeast(store: ReplicaStore, chunk: ChunkId, version: ChunkVersion): Replica {
  const replica = store.get(chunk)
  if (replica === undefined) throw new DfsError('no-such-replica', `chunk ${chunk} has no replica here`)
  if (replica.version < version) {
    throw new DfsError('stale-replica', `chunk ${chunk} is at version ${replica.version} here, older than ${version}`)
  }
  return replica
}

/**
 * What is known of a replica.
 * @throws DfsError 'no-such-replica', 'disk-failed'
 */
export async function inspect(
  store: ReplicaStore, { chunk, verify }: { chunk: ChunkId, verify: boolean },
): Promise<ReplicaReport> {
  const replica = atLeast(store, chunk, 0 as ChunkVersion)
  if (verify) {
    try {
      await replica.verify()
    } catch (error) {
      // Rot is what was asked about: the state says it.
      if (!(error instanceof DfsError && error.code === 'corrupt')) throw error
    }
  }
  return { chunk, version: replica.version, lengthBytes: replica.lengthBytes, state: replica.state }
}

/** A page of all replicas, in the order of the chunks' ids. One look at all of them for each page: it is asked for rarely. */
export function listReplicas(
  store: ReplicaStore, { after = -1, limit }: { after?: number | undefined, limit: number },
): { replicas: ReplicaReport[], complete: boolean } {
  const behind = Float64Array.from(store.chunks()).filter(chunk => chunk > after).sort()
  const replicas = Array.from(behind.subarray(0, limit), chunk => store.get(chunk as ChunkId)?.report() ?? [])
  return { replicas: replicas.flat(), complete: behind.length <= limit }
}
