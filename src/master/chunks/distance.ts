import type { Servers } from '../servers/registry.ts'
import type { Server } from '../servers/server.ts'
import type { Clock } from '../../seams/clock.ts'

/** Servers in the order in which somebody on the machine `near` should try them. */
export function nearestFirst(
  { servers, clock }: { servers: Servers, clock: Clock }, asked: readonly Server[], near: string | undefined,
): Server[] {
  const nowMs = clock.nowMs()
  const racks = new Set<string>()
  for (const { host, rack } of servers.all()) if (host === near) racks.add(rack)
  const cost = (server: Server): number =>
    (server.link === undefined || servers.stateOf(server) !== 'live' ? 8 : 0)
    + (server.avoidUntilMs > nowMs ? 4 : 0)
    + (server.host === near ? 0 : racks.has(server.rack) ? 1 : 2)
  return [...asked].sort((one, other) => cost(one) - cost(other) || one.load - other.load)
}
