import type { ChunkLease } from '../../../protocol/chunks.ts'
import { chunkserverApi } from '../../../protocol/chunkserver-api.ts'
import { DfsError, isError } from '../../../protocol/errors.ts'
import type { InodeId, ServerId } from '../../../protocol/identifiers.ts'
import { allDone } from '../../all-done.ts'
import type { DataPath } from '../data-path.ts'
import { Patience } from '../patience.ts'
import { linkToPrimary, SYNC_MS } from './mutate.ts'
import { mayLack, type UnsyncedChunk, type UnsyncedChunks } from './unsynced-chunks.ts'

/** Syncs all chunks of a file that need it, at once. @param lost told of those whose bytes may be gone */
export async function syncChunks(
  path: DataPath, inode: InodeId, unsynced: UnsyncedChunks, lost: (written: UnsyncedChunk) => void,
): Promise<void> {
  await allDone(unsynced.takeAll().map(async written => {
    await path.streams.take()
    try {
      if (await syncChunk(path, inode, written) === 'perhaps lost') lost(written)
    } catch (error) {
      unsynced.wrote(written)
      throw error
    } finally {
      path.streams.giveBack()
    }
  }))
}

/**
 * Has all replicas of a chunk put what was written on stable storage. When the lease has ended meanwhile a new one is
 * as good: whatever was acknowledged is in every replica that takes part in it, unless all lost it together, which the
 * lease tells.
 * @returns 'perhaps lost': what the replicas have is synced, but bytes written under `written.version` may be missing
 */
async function syncChunk(
  path: DataPath, inode: InodeId, written: UnsyncedChunk,
): Promise<'synced' | 'perhaps lost'> {
  const { index } = written
  const patience = new Patience(path, path.patienceMs)
  let failed: { lease: ChunkLease, suspects: ServerId[] } | undefined
  for (;;) {
    let lease: ChunkLease | undefined
    try {
      if (path.leases.known(inode, index)?.chunk !== written.chunk || failed !== undefined) {
        if (await isGone(path, inode, written)) return 'synced'
      }
      lease = failed === undefined
        ? await path.leases.get(inode, index)
        : await path.leases.after(inode, failed.lease, failed.suspects)
      // Another chunk stands there now: what was written into the old one has been cut off.
      if (lease.chunk !== written.chunk) return 'synced'
      const link = await linkToPrimary(path, lease)
      const { reply } = await link.call(chunkserverApi.methods.sync,
        { chunk: lease.chunk, version: lease.version }, { deadlineMs: SYNC_MS })
      // Nobody has taken other replicas since that lease was given, or its primary could not have done this.
      if (reply.outcome === 'done') return mayLack(lease, written) ? 'perhaps lost' : 'synced'
      failed = { lease, suspects: reply.servers }
      await patience.after(new DfsError('replica-failed', `chunk ${lease.chunk}: a replica could not be synced`))
    } catch (error) {
      // 'busy' says nothing against the lease.
      if (lease !== undefined && !isError(error, 'busy')) {
        failed = { lease, suspects: isError(error, 'lease-lost', 'stale-replica') ? [] : [lease.primary] }
      }
      const fault = lease !== undefined && isError(error, 'internal')
      await patience.after(fault ? new DfsError('replica-failed', error.message, { cause: error }) : error)
    }
  }
}

/** Asking for a lease would make a new chunk where the old one was cut off. */
async function isGone(path: DataPath, inode: InodeId, { index, chunk }: UnsyncedChunk): Promise<boolean> {
  path.locations.forget(inode, index)
  return (await path.locations.get(inode, index))?.chunk !== chunk
}
