import { checksumOf, type Checksum } from '../../../protocol/checksum.ts'
import type { ChunkLease, Mutation, Source } from '../../../protocol/chunks.ts'
import { chunkserverApi, type CommitOutcome } from '../../../protocol/chunkserver-api.ts'
import { asDfsError, DfsError, isError } from '../../../protocol/errors.ts'
import type { ChunkIndex, CommitId, InodeId, PushId, ServerId } from '../../../protocol/identifiers.ts'
import type { Link } from '../../../protocol/link.ts'
import { limits } from '../../../protocol/limits.ts'
import type { DataPath } from '../data-path.ts'
import { isWorthRepeating, Patience } from '../patience.ts'
import { shown } from '../servers.ts'

/** One change of one chunk, to be made exactly once however often it has to be sent. */
export interface Change {
  inode: InodeId
  index: ChunkIndex
  mutation: Mutation
  data: readonly Uint8Array[]
  lengthBytes: number
  checksum: Checksum
  /** All replicas are to have it on stable storage, with all that they were sent before. */
  sync: boolean
}

/** A change that was made. */
export interface Made {
  outcome: CommitOutcome & { outcome: 'done' }
  lease: ChunkLease
  /** How often it was sent. */
  attempts: number
}

/** The checksum of bytes in several buffers, each looked at once. */
export function checksumOfAll(data: readonly Uint8Array[]): Checksum {
  return data.reduce((before, bytes) => checksumOf(bytes, before), checksumOf(new Uint8Array()))
}

/** A server passes a push on for this long per hop, see the chunkserver's config. */
const PUSH_MS_PER_SERVER = 5_000
/** A primary gives its secondaries 5 s, twice where it has to send the bytes again. */
const COMMIT_MS = 12_000
/** A primary gives each replica's disk 20 s. */
export const SYNC_MS = 30_000
/** Once in the usual order, once with the server last that broke the chain. */
const PUSH_ORDERS = 2
/** While the disks of all servers of a chunk are full it may be copied to others: so long is waited for that, in ms. */
const FULL_MS = 10_000
/** A push that failed after less than this was refused or broken off, not left without an answer. */
const SILENCE_MS = 2_500

/**
 * Brings a change to all replicas. The bytes arrive at src/chunkserver/pipeline/receive.ts, then the commit at
 * src/chunkserver/primary/commit.ts.
 * @throws DfsError 'chunk-full' for an append; what the master refuses with; the last error once patience has run out
 */
export async function mutate(path: DataPath, change: Change): Promise<Made> {
  const patience = new Patience(path, path.patienceMs)
  const commit = path.random.identifier() as CommitId
  let forRoom: Patience | undefined
  let failed: { lease: ChunkLease, suspects: ServerId[] } | undefined
  const pauseOrGiveUp = (error: unknown): Promise<void> => patience.after(error).catch((final: unknown) => {
    giveUp(path, change, failed?.lease, final)
    throw final
  })
  for (let attempts = 1; ; attempts++) {
    let lease: ChunkLease | undefined
    try {
      // 1. Who orders the chunk's changes; after a failure, the master chooses without those that failed.
      lease = failed === undefined
        ? await path.leases.get(change.inode, change.index)
        : await path.leases.after(change.inode, failed.lease, failed.suspects)
      // 2. The bytes to all replicas, unless they are few.
      const source = await bring(path, change, lease)
      // 3. Their place in the order, under an id by which a repeat is recognised.
      const outcome = await send(path, change, lease, commit, source)
      if (outcome.outcome === 'done') {
        path.locations.written(change.inode, lease)
        return { outcome, lease, attempts }
      }
      // 4. Nothing is lost: the master makes the survivors alike and the change is sent again.
      throw new NotFollowed(lease, outcome.servers)
    } catch (error) {
      if (isError(error, 'chunk-full')) throw error
      if (lease === undefined) {
        await pauseOrGiveUp(error)
        continue
      }
      // 'busy' and a push that was dropped say nothing against the lease.
      if (!isError(error, 'busy', 'push-unknown')) {
        failed = { lease, suspects: suspectsOf(error, lease) }
      }
      path.log.debug({ error, chunk: lease.chunk, version: lease.version, attempts }, 'a change has to be sent again')
      if (isError(error, 'no-space')) {
        forRoom ??= new Patience(path, FULL_MS)
        await forRoom.after(new DfsError('disk-full', error.message))
        continue
      }
      await pauseOrGiveUp(asReplicaFault(error))
    }
  }
}

/** Who is to blame: as far as nobody says otherwise, the one that was asked. */
function suspectsOf(error: unknown, lease: ChunkLease): ServerId[] {
  if (error instanceof NotFollowed) return error.servers
  if (error instanceof ChainBroken) return [error.server]
  return isError(error, 'lease-lost', 'stale-replica', 'no-space') ? [] : [lease.primary]
}

/** The primary has a change that not all others have. */
class NotFollowed extends DfsError {
  readonly servers: ServerId[]
  constructor({ chunk, version }: ChunkLease, servers: ServerId[]) {
    super('replica-failed', `chunk ${chunk}: servers ${servers.join(', ')} did not follow version ${version}`)
    this.servers = servers
  }
}

/** Says which bytes were lost, and where they should have gone. */
function giveUp(path: DataPath, { inode, index }: Change, lease: ChunkLease | undefined, error: unknown): void {
  if (!isWorthRepeating(asDfsError(error))) return
  path.log.error({ error, inode, index, chunk: lease?.chunk, servers: lease?.replicas.map(shown) },
    'a chunk cannot be written: its writers are told of an error')
}

/** A fault inside one chunkserver is no reason to fail a write that others can take. */
function asReplicaFault(error: unknown): unknown {
  if (isError(error, 'internal', 'no-such-entry', 'stale-handle')) {
    return new DfsError('replica-failed', error.message, { cause: error })
  }
  return error
}

async function bring(path: DataPath, change: Change, lease: ChunkLease): Promise<Source> {
  if (change.mutation.kind === 'resize') return { from: 'nothing' }
  if (change.lengthBytes <= limits.inlineBytesMax) return { from: 'payload', checksum: change.checksum }
  return { from: 'push', push: await push(path, change, lease) }
}

/** The bytes did not reach the primary, because of this server. */
class ChainBroken extends DfsError {
  readonly server: ServerId
  constructor({ chunk }: ChunkLease, server: ServerId) {
    super('unreachable', `chunk ${chunk}: no way to bring bytes to its primary: server ${server} did not take them`)
    this.server = server
  }
}

/** Pushes along the chain until the primary holds the bytes: where others do not, it sends them itself. */
async function push(path: DataPath, { data, checksum }: Change, lease: ChunkLease): Promise<PushId> {
  for (let order = 0; order < PUSH_ORDERS; order++) {
    const startedMs = path.clock.nowMs()
    const id = path.random.identifier() as PushId
    const chain = path.servers.inOrder(lease.replicas)
    const [first] = chain
    if (first === undefined) break
    let failed: readonly ServerId[]
    let busy: true | undefined
    try {
      const link = await path.pool.link(first.address, 'bulk')
      const { reply } = await link.call(chunkserverApi.methods.push, { push: id, checksum, chain },
        { payload: data, deadlineMs: PUSH_MS_PER_SERVER * chain.length })
      failed = reply.failed
      busy = reply.busy
    } catch (error) {
      if (isError(error, 'busy')) throw error
      path.log.debug({ error, server: first.server }, 'a push failed at its first server')
      failed = chain.map(({ server }) => server)
    }
    if (!failed.includes(lease.primary)) return id
    const broken = chain.find(({ server }) => failed.includes(server))
    // It lives, and has more to do than it has room for: nobody should do without it.
    if (busy === true) throw new DfsError('busy', `chunk ${lease.chunk}: server ${String(broken?.server)} has no room for a push`)
    if (broken !== undefined) path.servers.avoid(broken.server)
    // Who fell silent would be waited for once more by the next one in another order; who refused may take it from there.
    if (broken !== undefined && path.clock.nowMs() - startedMs >= SILENCE_MS) throw new ChainBroken(lease, broken.server)
  }
  throw new ChainBroken(lease, lease.primary)
}

async function send(
  path: DataPath, { mutation, data, sync }: Change, lease: ChunkLease, commit: CommitId, source: Source,
): Promise<CommitOutcome> {
  const link = await linkToPrimary(path, lease)
  const { reply } = await link.call(chunkserverApi.methods.commit,
    { chunk: lease.chunk, version: lease.version, commit, mutation, source, sync },
    { deadlineMs: COMMIT_MS + (sync ? SYNC_MS : 0), ...(source.from === 'payload' ? { payload: data } : {}) })
  return reply
}

/** @throws DfsError 'unreachable' */
export function linkToPrimary(path: DataPath, lease: ChunkLease): Promise<Link> {
  const primary = lease.replicas.find(({ server }) => server === lease.primary)
  if (primary === undefined) {
    throw new DfsError('lease-lost', `chunk ${lease.chunk}: its primary, server ${lease.primary}, has no known address`)
  }
  return path.pool.link(primary.address, 'control')
}
