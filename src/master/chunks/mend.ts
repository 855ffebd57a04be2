import { chunkControlApi } from '../../protocol/chunkserver-api.ts'
import type { ChunkId } from '../../protocol/identifiers.ts'
import type { Server } from '../servers/server.ts'
import { agree } from './agree.ts'
import type { ChunkParts } from './parts.ts'
import { isAsSpread, surplus } from './placement.ts'
import { quiet } from './quiet.ts'
import { goodReplicas, type Route } from './route.ts'

export interface Quietness {
  mayDisturb: boolean
  leasesAreKnown: boolean
}

/** What came of an attempt to help a chunk. */
export type Mended = 'done' | 'in use' | 'no way'

/** Writers may wait for the chunk while it is copied: no limit makes that longer than this, in ms. */
const PACED_MS_MAX = 20_000

/**
 * Makes one more replica of a chunk. The caller holds its lock, so that no lease begins meanwhile, and the route.
 * @param rateBytes per second, 0 is no limit @param copied hears of the bytes
 * @throws DfsError what the copying server or its source refused with
 */
export async function copyOnce(
  parts: ChunkParts, chunk: ChunkId, { from, to }: Route,
  { quietness, rateBytes, copied }: { quietness: Quietness, rateBytes: number, copied: (bytes: number) => void },
): Promise<Mended> {
  const { table, locations, drops, servers, config, log } = parts
  // 1. Nobody may write while it is copied.
  if (!await quiet(parts, chunk, quietness)) return 'in use'
  // 2. As things stand now.
  const record = table.chunk(chunk)
  const source = goodReplicas(parts, chunk).find(({ server }) => server === from)?.replica
  const link = to.link
  if (record === undefined || source === undefined || link === undefined) return 'no way'
  if (servers.get(to.id) !== to || servers.isLeaving(to.id)) return 'no way'
  const { version } = source
  const doomed = drops.takeBack(to.id, chunk)
  to.recentlyPlaced++
  log.info({ chunk, version, from: from.id, to: to.id }, 'copying a replica')
  // 3. The target checks every piece it fetches.
  const origin = table.originOf(record)
  const pace = rateBytes === 0 ? 0 : Math.max(rateBytes, Math.ceil(origin.chunkSizeBytes * 1_000 / PACED_MS_MAX))
  const { reply } = await link.call(chunkControlApi.methods.copy, {
    chunk, version, origin, from: { server: from.id, address: from.address }, ...(pace === 0 ? {} : { rateBytes: pace }),
  }, { deadlineMs: config.copyMs + (pace === 0 ? 0 : origin.chunkSizeBytes * 1_000 / pace) }).catch((error: unknown) => {
    // The old replica is still there, and nobody else remembers it.
    if (doomed !== undefined) drops.add(to.id, chunk, doomed)
    throw error
  })
  copied(reply.lengthBytes)
  // 4. It counts, unless the chunk was removed meanwhile.
  if (table.chunk(chunk) === undefined) drops.add(to.id, chunk, version)
  else locations.set(chunk, { server: to.id, version, lengthBytes: reply.lengthBytes, state: 'good' })
  return 'done'
}

/** Gives up one replica of a chunk that has too many. The caller holds its lock. */
export async function trim(parts: ChunkParts, chunk: ChunkId, quietness: Quietness): Promise<Mended> {
  const { servers } = parts
  if (!await quiet(parts, chunk, quietness)) return 'in use'
  const good = goodReplicas(parts, chunk).map(({ server }) => server)
  const leaving = good.filter(server => servers.isLeaving(server.id))
  const victim = surplus(leaving.length > 0 ? leaving : good)
  return victim === undefined ? 'no way' : giveUp(parts, chunk, victim)
}

/**
 * Moves a replica off one server: another gets it first. The caller holds the chunk's lock, and the route.
 * @param options as for {@link copyOnce}; `giver` loses its replica, unless there is a reason to keep it by then
 * @throws DfsError as {@link copyOnce}
 */
export async function moveOnce(
  parts: ChunkParts, chunk: ChunkId, route: Route, { giver, ...options }: Parameters<typeof copyOnce>[3] & { giver: Server },
): Promise<Mended> {
  const mended = await copyOnce(parts, chunk, route, options)
  if (mended !== 'done') return mended
  const good = goodReplicas(parts, chunk).map(({ server }) => server)
  const before = good.filter(server => server !== route.to)
  const after = good.filter(server => server !== giver)
  // Meanwhile servers may have gone, or be about to: then the repair decides which replica is one too many.
  if (!isAsSpread(after, before) || after.some(({ id }) => parts.servers.isLeaving(id))) return 'done'
  giveUp(parts, chunk, giver)
  return 'done'
}

/** Gives a replica up where as many as wanted are left, all within reach. Nobody writes to the chunk. */
function giveUp(parts: ChunkParts, chunk: ChunkId, victim: Server): Mended {
  const { servers, locations, drops, config, log } = parts
  const good = goodReplicas(parts, chunk)
  if (good.length <= config.replicas || !good.every(({ server }) => servers.isReachable(server))) return 'no way'
  const replica = good.find(({ server }) => server === victim)?.replica
  if (replica === undefined) return 'no way'
  log.info({ chunk, server: victim.id }, 'dropping a replica too many')
  locations.remove(chunk, victim.id)
  drops.add(victim.id, chunk, replica.version)
  return 'done'
}

/**
 * Replicas may differ in a mutation that was never acknowledged, and no writer has come to repeat it: they are made alike.
 * The caller holds the lock.
 */
export async function makeEven(parts: ChunkParts, chunk: ChunkId): Promise<Mended> {
  const { table, locations } = parts
  // A writer may have come after all.
  const version = table.chunk(chunk)?.version
  if (version === undefined) return 'done'
  if (!locations.isUneven(chunk, version) && locations.of(chunk).every(replica => replica.version <= version)) return 'done'
  await agree(parts, chunk, { suspects: [] })
  locations.setEven(chunk)
  parts.leases.end(chunk)
  return 'done'
}

/** Doubtful replicas are all there is: they are made alike and count as good from here on. The caller holds the lock. */
export async function settleForDoubtful(parts: ChunkParts, chunk: ChunkId): Promise<Mended> {
  parts.log.warn({ chunk }, 'after a power cut there are only replicas that may lack unsynced writes: going on with them')
  await agree(parts, chunk, { suspects: [] })
  parts.leases.end(chunk)
  return 'done'
}
