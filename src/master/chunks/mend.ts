import { chunkControlApi } from '../../protocol/chunkserver-api.ts'
import type { ChunkId } from '../../protocol/identifiers.ts'
import type { Server } from '../servers/server.ts'
import { agree } from './agree.ts'
import { freshServers } from './choose.ts'
import type { Replica } from './locations.ts'
import type { ChunkParts } from './parts.ts'
import { surplus } from './placement.ts'
import { quiet } from './quiet.ts'

export interface Quietness {
  mayDisturb: boolean
  leasesAreKnown: boolean
}

/** What came of an attempt to help a chunk. */
export type Mended = 'done' | 'in use' | 'no way'

/**
 * Makes one more replica of a chunk. The caller holds its lock, so that no lease begins meanwhile.
 * @throws DfsError what the copying server or its source refused with
 */
export async function copyOnce(parts: ChunkParts, chunk: ChunkId, quietness: Quietness): Promise<Mended> {
  const { table, locations, drops, config, log } = parts
  // 1. Is there anywhere to put it, before anybody is disturbed?
  if (route(parts, chunk) === undefined) return 'no way'
  // 2. Nobody may write while it is copied.
  if (!await quiet(parts, chunk, quietness)) return 'in use'
  // 3. From where to where, as things stand now.
  const record = table.chunk(chunk)
  const way = route(parts, chunk)
  if (record === undefined || way === undefined) return 'no way'
  const { from, to, version } = way
  const link = to.link
  if (link === undefined) return 'no way'
  drops.takeBack(to.id, chunk)
  from.copies++
  to.copies++
  to.recentlyPlaced++
  try {
    log.info({ chunk, version, from: from.id, to: to.id }, 'copying a replica')
    // 4. The target checks every piece it fetches.
    const { reply } = await link.call(chunkControlApi.methods.copy, {
      chunk, version, origin: table.originOf(record), from: { server: from.id, address: from.address },
    }, { deadlineMs: config.copyMs })
    // 5. It counts, unless the chunk was removed meanwhile.
    if (table.chunk(chunk) === undefined) drops.add(to.id, chunk, version)
    else locations.set(chunk, { server: to.id, version, lengthBytes: reply.lengthBytes, state: 'good' })
    return 'done'
  } finally {
    from.copies--
    to.copies--
  }
}

/** Gives up one replica of a chunk that has too many. The caller holds its lock. */
export async function trim(parts: ChunkParts, chunk: ChunkId, quietness: Quietness): Promise<Mended> {
  const { servers, locations, drops, config, log } = parts
  if (!await quiet(parts, chunk, quietness)) return 'in use'
  const good = goodOnes(parts, chunk)
  if (good.length <= config.replicas || !good.every(({ server }) => servers.isReachable(server))) return 'no way'
  const victim = surplus(good.map(({ server }) => server))
  const replica = good.find(({ server }) => server === victim)?.replica
  if (victim === undefined || replica === undefined) return 'no way'
  log.info({ chunk, server: victim.id }, 'dropping a replica too many')
  locations.remove(chunk, victim.id)
  drops.add(victim.id, chunk, replica.version)
  return 'done'
}

/** Doubtful replicas are all there is: they are made alike and count as good from here on. The caller holds the lock. */
export async function settleForDoubtful(parts: ChunkParts, chunk: ChunkId): Promise<Mended> {
  parts.log.warn({ chunk }, 'after a power cut there are only replicas that may lack unsynced writes: going on with them')
  await agree(parts, chunk, { suspects: [] })
  parts.leases.end(chunk)
  return 'done'
}

function goodOnes({ table, locations, servers }: ChunkParts, chunk: ChunkId): { replica: Replica, server: Server }[] {
  const record = table.chunk(chunk)
  if (record === undefined) return []
  return locations.of(chunk)
    .filter(({ version, state }) => state === 'good' && version >= record.version)
    .flatMap(replica => {
      const server = servers.get(replica.server)
      return server === undefined || servers.stateOf(server) === 'dead' ? [] : [{ replica, server }]
    })
}

/** A replica to copy and a server to take it, neither too busy with copies. */
function route(parts: ChunkParts, chunk: ChunkId): { from: Server, to: Server, version: Replica['version'] } | undefined {
  const { servers, config } = parts
  const good = goodOnes(parts, chunk)
  const hasRoom = (server: Server): boolean => server.copies < config.copiesPerServerMax
  const source = good.filter(({ server }) => servers.isReachable(server) && hasRoom(server))
    .sort((one, other) => one.server.copies - other.server.copies || one.server.load - other.server.load)[0]
  if (source === undefined) return undefined
  const busy = [...servers.all()].filter(server => !hasRoom(server))
  try {
    const taken = good.map(({ server }) => server)
    const [to] = freshServers(parts, { count: 1, avoided: new Set(), taken, excluded: busy })
    return to === undefined ? undefined : { from: source.server, to, version: source.replica.version }
  } catch {
    // No room anywhere: the status says so, and the next pass tries again.
    return undefined
  }
}
