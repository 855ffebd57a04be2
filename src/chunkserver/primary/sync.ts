import { chunkserverPeerApi } from '../../protocol/chunkserver-api.ts'
import { DfsError } from '../../protocol/errors.ts'
import type { ChunkId, ChunkVersion, ServerId } from '../../protocol/identifiers.ts'
import type { Parts } from '../parts.ts'
import { blame, replicasFailed, settleAll } from './members.ts'

type SyncOutcome = { outcome: 'done' } | { outcome: 'replicas-failed', servers: ServerId[] }

interface SyncRequest {
  chunk: ChunkId
  version: ChunkVersion
}

/**
 * On the primary: all replicas have everything committed so far on stable storage.
 * @throws DfsError 'lease-lost'
 */
export async function syncEverywhere(parts: Parts, request: SyncRequest): Promise<SyncOutcome> {
  // 1. Only under the lease: another version may have other members.
  const { lease } = parts.chunks.useLease(request.chunk, request.version)
  // 2. What has a number must be applied everywhere first.
  await Promise.allSettled(lease.running.values())
  if (lease.failed.length > 0) return replicasFailed(lease)
  if (parts.store.get(request.chunk) === undefined && lease.untouched) return { outcome: 'done' }
  // 3. All disks at once.
  const failures = await settleAll([
    { server: parts.self, done: syncHere(parts, request) },
    ...lease.terms.peers.map(({ server, address }) => ({
      server,
      done: parts.links.link(address, 'control').then(link =>
        link.call(chunkserverPeerApi.methods.syncReplica, request, { deadlineMs: parts.timing.syncMs })),
    })),
  ])
  // 4. As with a commit, a member that failed makes the version useless.
  blame(parts, lease, failures)
  return failures.length > 0 ? replicasFailed(lease) : { outcome: 'done' }
}

/**
 * Syncs the replica here.
 * @throws DfsError 'no-such-replica', 'lease-lost' it is at another version, or a restart has ended its membership: what it
 *   had then may be gone
 */
export async function syncHere(
  { store, chunks, health }: Pick<Parts, 'store' | 'chunks' | 'health'>, { chunk, version }: SyncRequest,
): Promise<void> {
  const replica = store.get(chunk)
  if (replica === undefined) throw new DfsError('no-such-replica', `chunk ${chunk} has no replica here`)
  if (replica.version !== version) {
    throw new DfsError('lease-lost', `chunk ${chunk} is at version ${replica.version} here, not ${version}`)
  }
  if (!chunks.at(chunk).hasOrder(version)) {
    throw new DfsError('lease-lost', `chunk ${chunk} was not fenced to version ${version} since this server started`)
  }
  await health.watch(() => replica.sync())
}
