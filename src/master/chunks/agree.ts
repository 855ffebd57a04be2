import { chunkControlApi } from '../../protocol/chunkserver-api.ts'
import { asDfsError, DfsError } from '../../protocol/errors.ts'
import type { ChunkId, ChunkVersion, ServerId } from '../../protocol/identifiers.ts'
import { bounds } from '../config.ts'
import type { Server } from '../servers/server.ts'
import { areAlike, fence, type Member } from './fence.ts'
import type { Replica } from '../replicas/replica.ts'
import type { ChunkParts } from './parts.ts'
import type { ChunkRecord } from './table.ts'

/** Replicas that are alike, under a version that no other replica has. */
export interface Agreement {
  version: ChunkVersion
  primary: Server
  /** Among them the primary, first. */
  members: Server[]
}

/** No replica was ever written: all that might have one say that they have none. */
export const neverWritten = 'never written'

/** What the last round of fencing may take in all, so that a slow disk is not given up at once. */
const LAST_CHANCE_FACTOR = 4

/** Telling a replica that it counts, in ms. */
const ACCEPT_MS = 2_000

/** Shipping a whole chunk to its peers, in ms. */
const RECONCILE_MS = 60_000

/**
 * Makes the chunk's current replicas alike under a new version, and shuts out all others. The caller holds the chunk's lock.
 *
 * A replica may have been moved to a version although its answer was lost. So a version is only recorded when everyone who
 * was asked to move to it has answered and is alike; else the next round takes a later version and asks fewer. Whoever has
 * the recorded version has everything that was acknowledged.
 * @throws DfsError 'no-replica' none can be reached, 'no-such-entry' the chunk is gone
 */
export async function agree(
  parts: ChunkParts, chunk: ChunkId, { suspects, near }: { suspects: readonly ServerId[], near?: string | undefined },
): Promise<Agreement | typeof neverWritten> {
  const { table, locations, config, log } = parts
  await awaitServers(parts, chunk, suspects)
  let candidates = candidatesOf(parts, chunk, suspects)
  let deadlineMs = config.fenceMs
  for (let round = 1; round <= bounds.grantRoundsMax; round++) {
    if (isNeverWritten(parts, chunk)) return neverWritten
    if (candidates.length === 0) break
    // 1. A version above all that were ever given out.
    const version = await table.takeVersion()
    // 2. From here on none of them takes mutations under an older one.
    const answers = await Promise.all(candidates.map(server => fence(parts, server, { chunk, version, deadlineMs })))
    for (const { outcome, server } of answers) if (outcome === 'no replica') disbelieve(parts, chunk, server.id)
    // 3. Who answered is in. One that may lack acknowledged bytes is not, while there are others.
    const fenced = answers.filter(answer => answer.outcome === 'fenced')
    const members = withoutDoubtful(fenced)
    const asked = answers.filter(({ outcome }) => outcome !== 'no replica')
    const primary = choosePrimary(parts, chunk, members, near)
    if (primary === undefined) {
      if (asked.length === 0) candidates = []
      else if (deadlineMs > config.fenceMs) break
      deadlineMs = config.fenceMs * LAST_CHANCE_FACTOR
      continue
    }
    if (members.length < asked.length) {
      log.warn({ chunk, version, members: members.map(({ server }) => server.id) }, 'a chunk goes on with fewer replicas')
      candidates = members.map(({ server }) => server)
      continue
    }
    // 4. Mutations that some had and others had not: all get what the primary has.
    const failed = areAlike(members) ? [] : await reconcile(parts, chunk, version, primary, members)
    if (failed.length > 0) {
      candidates = members.map(({ server }) => server).filter(({ id }) => !failed.includes(id))
      continue
    }
    // 5. The version is theirs alone. Where they lost something, that is on record before anyone can read them.
    const doubtful = members.some(({ state }) => state === 'doubtful')
    await table.setVersion(chunk, version, { doubtful })
    if (doubtful) {
      locations.accept(chunk, version)
      await acceptAll(parts, chunk, version, members)
    }
    for (const { server } of members) {
      locations.set(chunk, { server: server.id, version, lengthBytes: primary.lengthBytes, state: 'good' })
    }
    locations.setEven(chunk)
    const others = members.filter(member => member !== primary)
    return { version, primary: primary.server, members: [primary, ...others].map(({ server }) => server) }
  }
  throw new DfsError('no-replica', `no replica of chunk ${chunk} could be reached`)
}

/** Whether a replica holds all that was acknowledged, if what its server said is true. */
export function isCurrent(replica: Replica, record: ChunkRecord): boolean {
  return replica.version >= record.version && replica.state !== 'corrupt'
}

/** Gives servers of current replicas whose connection was just lost a moment to come back, and all of them after a start. */
async function awaitServers(parts: ChunkParts, chunk: ChunkId, suspects: readonly ServerId[]): Promise<void> {
  const { table, locations, servers, settling, config, clock } = parts
  await settling.settled()
  const record = table.chunk(chunk)
  if (record === undefined) return
  const awaited = locations.of(chunk)
    .filter(replica => isCurrent(replica, record) && !suspects.includes(replica.server))
    .flatMap(replica => servers.get(replica.server) ?? [])
  const graceMs = Math.max(0, ...awaited.filter(({ link }) => link === undefined)
    .map(({ lostMs }) => lostMs + config.graceMs - clock.nowMs()))
  await servers.until(() => awaited.every(({ link }) => link !== undefined), graceMs)
}

/**
 * Whom to ask. Replicas that may lack acknowledged bytes only where no other can come back: one whose server is just out of
 * reach is worth the wait.
 */
function candidatesOf(
  { table, locations, servers }: ChunkParts, chunk: ChunkId, suspects: readonly ServerId[],
): Server[] {
  const record = table.chunk(chunk)
  if (record === undefined) throw new DfsError('no-such-entry', `chunk ${chunk} is gone`)
  const alive = locations.of(chunk).filter(replica => isCurrent(replica, record))
    .flatMap(({ server: id, state }) => {
      const server = servers.get(id)
      return server === undefined || servers.stateOf(server) === 'dead' ? [] : [{ server, state }]
    })
  const trusted = alive.filter(({ state }) => state !== 'doubtful')
  const reachable = (trusted.length > 0 ? trusted : alive).map(({ server }) => server).filter(({ link }) => link !== undefined)
  const unsuspected = reachable.filter(({ id }) => !suspects.includes(id))
  return unsuspected.length > 0 ? unsuspected : reachable
}

/**
 * Nothing was ever acknowledged for the chunk: a first lease was granted, but not all of its members made their replica,
 * or all servers that ever were here are here and none of them has one. What a first lease before that one left on some
 * server is of an older version and does not count.
 */
function isNeverWritten({ table, locations, settling, known }: ChunkParts, chunk: ChunkId): boolean {
  const record = table.chunk(chunk)
  if (record === undefined) return false
  const current = locations.of(chunk).filter(({ version }) => version >= record.version)
  if (current.length === 0) return locations.isBlank(chunk) || (settling.complete && known.isCompleteFor(chunk))
  return locations.isBlank(chunk) && current.every(({ state }) => state === 'expected')
}

/** A server says that it has no replica. */
function disbelieve({ locations, servers }: ChunkParts, chunk: ChunkId, server: ServerId): void {
  // Each acknowledged mutation is on all members, so one without a replica proves that there was none; unless it lost power,
  // which its report tells of.
  const isProof = locations.get(chunk, server)?.state === 'expected' && servers.get(server)?.reported === true
  if (isProof) locations.setBlank(chunk, true)
  locations.remove(chunk, server)
}

function withoutDoubtful(fenced: readonly Member[]): Member[] {
  const good = fenced.filter(({ state }) => state === 'good')
  return good.length > 0 ? good : [...fenced]
}

function choosePrimary(
  { leases }: ChunkParts, chunk: ChunkId, members: readonly Member[], near: string | undefined,
): Member | undefined {
  const before = leases.of(chunk)?.primary
  // Doubtful ones lost the end of what was written, so the longest has lost least.
  const longest = members.some(({ state }) => state === 'doubtful')
  return [...members].sort((one, other) =>
    (longest ? other.lengthBytes - one.lengthBytes : 0)
    // One that was restarted, or copied since, would not recognise an append that is repeated, and do it again: whoever
    // remembers most does. Not all who remember the recorded version do, since not every version is a client's.
    || one.rememberedSince - other.rememberedSince
    || Number(other.server.id === before) - Number(one.server.id === before)
    || Number(other.server.host === near) - Number(one.server.host === near)
    || one.server.load - other.server.load
    || one.server.id - other.server.id)[0]
}

/** Until they hear that they were chosen, replicas that a power cut made doubtful refuse to be read. */
async function acceptAll({ log }: ChunkParts, chunk: ChunkId, version: ChunkVersion, members: readonly Member[]): Promise<void> {
  await Promise.all(members.map(async ({ server }) => {
    try {
      await server.link?.call(chunkControlApi.methods.accept, { chunk, version }, { deadlineMs: ACCEPT_MS })
    } catch (error) {
      const { code, message } = asDfsError(error)
      log.warn({ chunk, version, server: server.id, code }, `a replica does not know that it counts: ${message}`)
    }
  }))
}

/** @returns the servers whose replicas could not be made like the primary's */
async function reconcile(
  { log }: ChunkParts, chunk: ChunkId, version: ChunkVersion, primary: Member, members: readonly Member[],
): Promise<ServerId[]> {
  const peers = members.filter(member => member !== primary).map(({ server }) => server.shown)
  try {
    const link = primary.server.link
    if (link === undefined) return [primary.server.id]
    log.info({ chunk, version, primary: primary.server.id }, 'replicas differ: the others get what the primary has')
    const { reply } = await link.call(chunkControlApi.methods.reconcile, { chunk, version, peers }, { deadlineMs: RECONCILE_MS })
    return reply.failed
  } catch (error) {
    const { code, message } = asDfsError(error)
    log.warn({ chunk, version, server: primary.server.id, code }, `replicas could not be made alike: ${message}`)
    return [primary.server.id]
  }
}
