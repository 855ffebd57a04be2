import type { ClusterStatus } from '../../protocol/master-api.ts'
import type { ChunkParts } from '../chunks/parts.ts'
import type { Server } from './server.ts'

/** One server as people are told of it. */
export function shownServer({ servers, locations, clock }: ChunkParts, server: Server): ClusterStatus['servers'][number] {
  return {
    ...server.shown,
    state: servers.shownStateOf(server), draining: servers.isLeaving(server.id),
    totalBytes: server.totalBytes, freeBytes: server.freeBytes, diskFault: server.diskFault,
    replicas: locations.countOf(server.id),
    heartbeatAgeMs: Math.max(0, Math.round(clock.nowMs() - server.lastHeardMs)),
    load: server.load, corruptFound: server.corruptFound, diskFailures: server.diskFailures,
  }
}
