import { checksumOf, type Checksum } from '../../protocol/checksum.ts'
import type { Extent, ServerAddress } from '../../protocol/chunks.ts'
import { chunkserverPeerApi } from '../../protocol/chunkserver-api.ts'
import { asDfsError, DfsError, isError } from '../../protocol/errors.ts'
import type { ChunkId, ChunkVersion, ServerId } from '../../protocol/identifiers.ts'
import { limits } from '../../protocol/limits.ts'
import { bounds } from '../config.ts'
import type { Parts } from '../parts.ts'
import { settleAll } from '../primary/members.ts'
import type { Replica } from '../store/replica.ts'

interface ReconcileRequest {
  chunk: ChunkId
  version: ChunkVersion
  peers: ServerAddress[]
  /** Longest that the replicas are to be. */
  cutBytes?: number | undefined
}

/**
 * On the primary to be: makes the peers' replicas like the one here, which may be cut before. The peers go on in
 * src/chunkserver/control/patch.ts.
 * @returns the peers that could not be made alike
 * @throws DfsError 'no-such-replica', 'stale-replica', 'corrupt'
 */
export async function reconcile(parts: Parts, request: ReconcileRequest): Promise<{ failed: ServerId[] }> {
  const replica = parts.store.get(request.chunk)
  if (replica === undefined) throw new DfsError('no-such-replica', `chunk ${request.chunk} has no replica here`)
  if (replica.version !== request.version) {
    throw new DfsError('stale-replica', `chunk ${request.chunk} is at version ${replica.version} here, not ${request.version}`)
  }
  if (request.cutBytes !== undefined) await cut(parts, replica, request.cutBytes)
  const mine = replica.checksums()
  const peers = request.peers.filter(({ server }) => server !== parts.self)
  const failures = await settleAll(peers.map(peer => ({ server: peer.server, done: makeAlike(parts, peer, replica, mine) })))
  for (const { server, error } of failures) {
    const { code, message } = asDfsError(error)
    parts.log.warn({ chunk: request.chunk, server, code }, `a replica could not be made like this one: ${message}`)
  }
  return { failed: failures.map(({ server }) => server) }
}

/** Nothing of what was longer comes back, not by a power cut nor as the answer to a commit that is repeated. */
function cut({ chunks, store, health }: Parts, replica: Replica, lengthBytes: number): Promise<void> {
  const chunk = chunks.at(replica.chunk)
  const { version } = replica
  return chunk.exclusive(async () => {
    if (store.get(replica.chunk) !== replica || replica.version !== version || version < chunk.promised) {
      throw new DfsError('stale-replica', `chunk ${replica.chunk} is not at version ${version} here any more`)
    }
    if (replica.lengthBytes <= lengthBytes) return
    chunk.forgetCommits()
    await health.watch(() => replica.patch(lengthBytes, [], []))
    await health.watch(() => replica.sync())
  })
}

async function makeAlike(parts: Parts, peer: ServerAddress, replica: Replica, mine: readonly Checksum[]): Promise<void> {
  // 1. What differs, by the checksums of the blocks.
  const theirs = await checksumsOf(parts, peer, replica)
  const ranges = joined(differing(replica, mine, theirs?.blocks ?? []))
  if (ranges.length === 0 && theirs?.lengthBytes === replica.lengthBytes) return
  parts.log.info({ chunk: replica.chunk, version: replica.version, peer: peer.server, ranges: ranges.length },
    'a replica differs from its primary-to-be and is made like it')
  // 2. One patch after the other; the last one also makes the peer's replica durable.
  const last = ranges.pop()
  for (const range of ranges) await sendPatch(parts, peer, replica, range, 'more follow')
  await sendPatch(parts, peer, replica, last, 'last')
}

/** @returns undefined where the peer has no replica at all */
async function checksumsOf(
  { links, timing }: Parts, peer: ServerAddress, { chunk, version }: Replica,
): Promise<{ lengthBytes: number, blocks: Checksum[] } | undefined> {
  try {
    const link = await links.link(peer.address, 'control')
    const { reply } = await link.call(
      chunkserverPeerApi.methods.checksums, { chunk, version }, { deadlineMs: timing.transferMs })
    return reply
  } catch (error) {
    if (isError(error, 'no-such-replica')) return undefined
    throw error
  }
}

/** The blocks of ours that the peer does not have. */
function differing({ lengthBytes }: Replica, mine: readonly Checksum[], theirs: readonly Checksum[]): Extent[] {
  const blocks: Extent[] = []
  for (let at = 0; at * limits.blockBytes < lengthBytes; at++) {
    const offsetBytes = at * limits.blockBytes
    if (mine[at] !== theirs[at]) blocks.push({ offsetBytes, lengthBytes: Math.min(limits.blockBytes, lengthBytes - offsetBytes) })
  }
  return blocks
}

/** Neighbouring blocks as ranges, none longer than a patch may be. */
function joined(blocks: readonly Extent[]): Extent[] {
  const ranges: Extent[] = []
  for (const { offsetBytes, lengthBytes } of blocks) {
    const before = ranges.at(-1)
    if (before !== undefined && before.offsetBytes + before.lengthBytes === offsetBytes
      && before.lengthBytes + lengthBytes <= bounds.patchBytesMax) before.lengthBytes += lengthBytes
    else ranges.push({ offsetBytes, lengthBytes })
  }
  return ranges
}

async function sendPatch(
  { links, timing }: Parts, peer: ServerAddress, replica: Replica, range: Extent | undefined, place: 'more follow' | 'last',
): Promise<void> {
  const { chunk, version, origin, lengthBytes } = replica
  const { data, checksum } = range === undefined
    ? { data: Buffer.alloc(0), checksum: checksumOf(Buffer.alloc(0)) }
    : await replica.read(range.offsetBytes, range.lengthBytes)
  const link = await links.link(peer.address, 'bulk')
  await link.call(chunkserverPeerApi.methods.patch, {
    chunk, version, origin, lengthBytes, extents: range === undefined ? [] : [range], checksum, last: place === 'last',
  }, { payload: [data], deadlineMs: timing.transferMs })
}
