import { chunkControlApi } from '../../protocol/chunkserver-api.ts'
import { asDfsError, DfsError } from '../../protocol/errors.ts'
import type { ChunkId, ChunkVersion, ServerId } from '../../protocol/identifiers.ts'
import { bounds } from '../config.ts'
import type { Server } from '../servers/server.ts'
import { agree, neverWritten } from './agree.ts'
import { freshServers } from './choose.ts'
import type { Lease } from './leases.ts'
import type { ChunkParts } from './parts.ts'

/** How long a primary may take to accept a lease, in ms. */
const GRANT_MS = 5_000

interface Wanted {
  suspects: readonly ServerId[]
  /** The writer's machine. */
  near?: string | undefined
}

/**
 * Gives some server a new lease of the chunk, whatever it takes. The caller holds the chunk's lock.
 * @throws DfsError 'no-replica', 'not-enough-servers', 'no-space', 'no-such-entry'
 */
export async function grant(parts: ChunkParts, chunk: ChunkId, { suspects, near }: Wanted): Promise<Lease> {
  const avoided = new Set(suspects)
  for (let round = 1; round <= bounds.grantRoundsMax; round++) {
    // 1. A lease that runs is not given to anyone again; until its replicas are fenced it still counts as running.
    const before = parts.leases.of(chunk)
    if (before !== undefined) before.doubted = true
    // 2. Replicas that are alike under a version of their own, shutting out the lease before.
    const agreed = await agree(parts, chunk, { suspects: [...avoided], near })
    // 3. Or, where nothing was ever written, servers which will make replicas with the first mutation.
    const { version, primary, members } = agreed === neverWritten ? await prepare(parts, chunk, { avoided, near }) : agreed
    // 4. The primary may order mutations from here on.
    if (await tell(parts, chunk, { version, primary, members, create: agreed === neverWritten })) {
      parts.locations.setBlank(chunk, false)
      return parts.leases.begin({ chunk, version, primary: primary.id, members: members.map(({ id }) => id) })
    }
    // 5. It may have heard of its lease although the answer was lost. No client has, and the next version shuts it out.
    if (agreed === neverWritten) parts.locations.setBlank(chunk, true)
    avoided.add(primary.id)
  }
  throw new DfsError('no-replica', `no server took the lease of chunk ${chunk}`)
}

/**
 * Gives out a lease of a chunk that was just made, and tells its primary of it without waiting: no client can be there
 * before that, or only to hear 'lease-lost' and ask again.
 * @param record as it was made @throws DfsError 'not-enough-servers', 'no-space'
 */
export function grantFirst(
  parts: ChunkParts, { chunk, version }: { chunk: ChunkId, version: ChunkVersion }, near: string | undefined,
): Lease {
  const { primary, members } = chooseMembers(parts, chunk, { avoided: new Set(), near })
  parts.locations.takeFresh(chunk)
  expect(parts, chunk, version, members)
  parts.locations.setBlank(chunk, false)
  return parts.leases.beginEarly({ chunk, version, primary: primary.id, members: members.map(({ id }) => id) },
    tell(parts, chunk, { version, primary, members, create: true }))
}

/** Chooses servers for a chunk without replicas. */
async function prepare(
  parts: ChunkParts, chunk: ChunkId, { avoided, near }: { avoided: ReadonlySet<ServerId>, near?: string | undefined },
): Promise<{ version: ChunkVersion, primary: Server, members: Server[] }> {
  const { locations, drops } = parts
  // An earlier primary that we cannot reach gets nothing acknowledged: a member that said it has no replica was fenced by
  // being asked.
  const leftovers = [...locations.of(chunk)]
  for (const { server, version } of leftovers) {
    locations.remove(chunk, server)
    drops.add(server, chunk, version)
  }
  if (leftovers.length > 0) await drops.step()
  const { primary, members } = chooseMembers(parts, chunk, { avoided, near })
  const version = await versionFor(parts, chunk)
  expect(parts, chunk, version, members)
  return { version, primary, members }
}

function chooseMembers(
  parts: ChunkParts, chunk: ChunkId, { avoided, near }: { avoided: ReadonlySet<ServerId>, near: string | undefined },
): { primary: Server, members: Server[] } {
  const members = freshServers(parts, { count: parts.config.replicas, avoided, near, taken: [] })
  const [primary] = members
  if (primary === undefined) throw new DfsError('not-enough-servers', `no chunkserver can take chunk ${chunk}`)
  return { primary, members }
}

function expect({ locations }: ChunkParts, chunk: ChunkId, version: ChunkVersion, members: readonly Server[]): void {
  for (const member of members) {
    member.recentlyPlaced++
    locations.set(chunk, { server: member.id, version, lengthBytes: 0, state: 'expected' })
  }
}

/** A version that no lease of the chunk ever had: for the very first one, that of its allocation, which spares a sync. */
async function versionFor({ table, locations }: ChunkParts, chunk: ChunkId): Promise<ChunkVersion> {
  const allocated = table.chunk(chunk)?.version
  if (locations.takeFresh(chunk) && allocated !== undefined) return allocated
  const version = await table.takeVersion()
  // No server has a replica; that may be what a power cut of all has left of one.
  await table.setVersion(chunk, version, { doubtful: true })
  return version
}

/** @returns whether the primary accepted */
async function tell(
  { table, config, log }: ChunkParts, chunk: ChunkId,
  { version, primary, members, create }: { version: ChunkVersion, primary: Server, members: Server[], create: boolean },
): Promise<boolean> {
  const record = table.chunk(chunk)
  if (record === undefined) throw new DfsError('no-such-entry', `chunk ${chunk} is gone`)
  try {
    const link = primary.link
    if (link === undefined) return false
    await link.call(chunkControlApi.methods.grant, {
      chunk, version, origin: table.originOf(record), leaseMs: config.leaseMs, create,
      peers: members.filter(member => member !== primary).map(({ shown }) => shown),
    }, { deadlineMs: GRANT_MS })
    return true
  } catch (error) {
    const { code, message } = asDfsError(error)
    log.warn({ chunk, version, server: primary.id, code }, `a chunkserver did not take a lease: ${message}`)
    return false
  }
}
