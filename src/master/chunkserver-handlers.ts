import type { Handlers } from '../protocol/api.ts'
import type { chunkserverRegistryApi } from '../protocol/chunkserver-api.ts'
import { DfsError } from '../protocol/errors.ts'
import type { Link } from '../protocol/link.ts'
import type { ChunkParts } from './chunks/parts.ts'
import type { Reports } from './chunks/reports.ts'
import type { KnownServers } from './servers/known.ts'
import type { Server } from './servers/server.ts'

/** One connection that a chunkserver dialled, and who it is once it has registered. */
export interface ChunkserverLink {
  readonly link: Link
  server: Server | undefined
}

/** What chunkservers tell the master. */
export function chunkserverHandlers(
  { chunks, reports, known }: { chunks: ChunkParts, reports: Reports, known: KnownServers },
): Handlers<typeof chunkserverRegistryApi.methods, ChunkserverLink> {
  const { servers, leases, drops, config } = chunks
  return {
    register: async (request, _payload, from) => {
      const server = servers.register(request, from.link)
      from.server = server
      leases.doubtThoseOf(server.id)
      drops.forgetServer(server.id)
      await known.add(server.shown)
      return { reply: { heartbeatMs: config.heartbeatMs } }
    },
    report: async (page, _payload, from) => {
      const server = registered(from)
      server.lastHeardMs = chunks.clock.nowMs()
      if (await reports.page(server.id, { ...page, isFirstReport: !server.reported, lostPower: server.lostPower })) {
        // It may have registered anew meanwhile.
        const still = registered(from)
        still.reported = true
        still.lostPower = false
        servers.wake()
      }
      return { reply: {} }
    },
    heartbeat: (heartbeat, _payload, from) => {
      const server = registered(from)
      servers.heard(server, heartbeat)
      reports.changed(server.id, heartbeat.changed)
      reports.gone(server.id, heartbeat.gone)
      return { reply: { renewed: leases.renew(server.id, heartbeat.renew) } }
    },
  }
}

function registered({ link, server }: ChunkserverLink): Server {
  if (server?.link !== link) throw new DfsError('invalid', 'register first: this connection is not the one of a chunkserver')
  return server
}
