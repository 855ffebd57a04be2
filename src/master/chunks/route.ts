import type { ChunkId } from '../../protocol/identifiers.ts'
import type { Server } from '../servers/server.ts'
import { fitServers, freshServers } from './choose.ts'
import type { Replica } from '../replicas/replica.ts'
import type { ChunkParts } from './parts.ts'
import { isSecondBest } from './placement.ts'

/** From where to where a replica is copied; both servers are held until {@link release}. */
export interface Route {
  readonly from: Server
  readonly to: Server
}

/** A replica with all that was acknowledged, on a server that is not dead. */
export interface GoodReplica {
  readonly replica: Replica
  readonly server: Server
}

export function goodReplicas({ table, locations, servers }: ChunkParts, chunk: ChunkId): GoodReplica[] {
  const record = table.chunk(chunk)
  if (record === undefined) return []
  return locations.of(chunk)
    .filter(({ version, state }) => state === 'good' && version >= record.version)
    .flatMap(replica => {
      const server = servers.get(replica.server)
      return server === undefined || servers.stateOf(server) === 'dead' ? [] : [{ replica, server }]
    })
}

/**
 * Finds a replica to copy and a server to take it, and holds both.
 * @param hurry takes a server too near to the other replicas where all better ones are busy
 * @returns 'busy' where they are only too busy with other copies, 'none' where there is no way
 */
export function findRoute(parts: ChunkParts, chunk: ChunkId, { hurry }: { hurry: boolean }): Route | 'busy' | 'none' {
  const { servers, config } = parts
  const good = goodReplicas(parts, chunk)
  const taken = good.map(({ server }) => server)
  if (!taken.some(server => servers.isReachable(server))) return 'none'
  const all = fitServers(parts).filter(server => !taken.includes(server))
  if (all.length === 0) return 'none'
  const from = sourceFor(parts, good)
  const idle = all.filter(server => hasRoom(parts, server))
  if (from === undefined || idle.length === 0) return 'busy'
  const busy = all.filter(server => !hasRoom(parts, server))
  const [to] = freshServers(parts, { count: 1, avoided: new Set(), taken, excluded: busy })
  if (to === undefined) return 'none'
  if (!hurry && isSecondBest(to, busy, taken, config.rackPolicy)) return 'busy'
  return hold({ from, to })
}

/** The healthy replica whose server has least to do; none where all are busy or out of reach. */
export function sourceFor(parts: ChunkParts, good: readonly GoodReplica[]): Server | undefined {
  const [source] = good.map(({ server }) => server)
    .filter(server => parts.servers.isReachable(server) && hasRoom(parts, server))
    .sort((one, other) => one.copies - other.copies || one.load - other.load)
  return source
}

/** Whether the server may take part in one copy more. */
export function hasRoom({ config }: Pick<ChunkParts, 'config'>, { copies }: Server): boolean {
  return copies < config.repairStreams
}

export function hold(route: Route): Route {
  route.from.copies++
  route.to.copies++
  return route
}

export function release({ from, to }: Route): void {
  from.copies--
  to.copies--
}
