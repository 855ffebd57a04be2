import type { ReplyOf, RequestOf } from '../protocol/api.ts'
import type { ClusterId } from '../protocol/identifiers.ts'
import { DfsError } from '../protocol/errors.ts'
import type { ClusterStatus, FileInfo, masterApi } from '../protocol/master-api.ts'
import type { Balancer } from './balance/balancer.ts'
import { fitness } from './chunks/choose.ts'
import type { Leftovers } from './chunks/leftovers.ts'
import type { Replica } from './replicas/replica.ts'
import type { ChunkParts } from './chunks/parts.ts'
import { isNotPromised } from './chunks/table.ts'
import type { Repair } from './chunks/repair.ts'
import type { Reports } from './chunks/reports.ts'
import type { MasterCore } from './core.ts'
import type { OneByOne } from '../seams/one-by-one.ts'
import type { PauseWatch } from './pause-watch.ts'
import type { KnownServers } from './servers/known.ts'
import { shownServer } from './servers/shown.ts'

export interface StatusParts {
  readonly core: MasterCore
  readonly chunks: ChunkParts
  readonly known: KnownServers
  readonly repair: Repair
  readonly leftovers: Leftovers
  readonly balancer: Balancer
  readonly reports: Reports
  readonly cluster: ClusterId
  readonly version: string
  readonly startedMs: number
  readonly pauses: PauseWatch
  /** Listing a directory of thousands takes some ms. */
  readonly listings: OneByOne
}

/** The state of the cluster, for people and for monitoring. */
export function status(parts: StatusParts): ClusterStatus {
  const { core, chunks, repair, cluster, version, startedMs } = parts
  const { clock, servers, drops, config, locations } = chunks
  const { underReplicated, missing } = repair.counts()
  const { longest } = parts.pauses
  return {
    cluster, version, uptimeMs: Math.round(clock.nowMs() - startedMs),
    servers: [...servers.all()].map(server => shownServer(chunks, server)),
    inodes: core.state.inodeCount, chunks: core.state.chunkCount, underReplicated, missing,
    corrupt: locations.corruptCount, repairsRunning: repair.running, repair: repair.status(), garbage: drops.count,
    journalBytes: core.journalBytes, checkpoint: core.checkpoint,
    sessions: core.state.sessionCount, replicas: config.replicas, placement: config.rackPolicy,
    trash: { files: core.state.trashFiles, bytes: core.state.trashBytes, keepMs: config.trashMs },
    longestPauseMs: longest.pauseMs, longestWorkMs: longest.workMs,
    remarks: remarks(parts, missing),
  }
}

/** Size of the whole cluster as users see it: what fits in with all its replicas. */
export function totals(
  { core, chunks: { servers, config } }: Pick<StatusParts, 'core' | 'chunks'>,
): ReplyOf<typeof masterApi.methods.totals> {
  let totalBytes = 0
  let freeBytes = 0
  let counted = 0
  for (const server of servers.all()) {
    if (servers.stateOf(server) === 'dead') continue
    counted++
    totalBytes += server.totalBytes
    freeBytes += server.freeBytes
  }
  const copies = Math.max(1, Math.min(config.replicas, counted))
  return { totalBytes: Math.floor(totalBytes / copies), freeBytes: Math.floor(freeBytes / copies), files: core.state.inodeCount }
}

/** @throws DfsError 'stale-handle' */
export function fileInfo(
  { core, chunks }: Pick<StatusParts, 'core' | 'chunks'>, { inode, first, count }: RequestOf<typeof masterApi.methods.fileInfo>,
): FileInfo {
  const node = core.state.inode(inode)
  if (node === undefined) throw new DfsError('stale-handle', `there is no inode ${inode}`)
  return {
    type: node.type, sizeBytes: node.sizeBytes, chunkSizeBytes: node.chunkSizeBytes,
    chunks: core.state.chunksOf(inode, first, count).map(({ index, chunk, version }) => {
      const primary = chunks.leases.of(chunk)?.primary
      return {
        index, chunk, version, changing: chunks.locks.isHeld(chunk),
        blank: chunks.locations.isBlank(chunk) || isNotPromised(chunks.table, chunk),
        ...(primary === undefined ? {} : { primary }),
        replicas: chunks.locations.of(chunk).flatMap(replica => {
          const server = chunks.servers.get(replica.server)
          if (server === undefined) return []
          const isSilent = chunks.servers.stateOf(server) === 'dead' || server.link === undefined
          return [{
            ...server.shown, version: replica.version, lengthBytes: replica.lengthBytes,
            state: isSilent ? 'silent' as const : shownState(replica, version), draining: chunks.servers.isLeaving(server.id),
          }]
        }),
      }
    }),
  }
}

function shownState({ state, version }: Replica, current: number): Replica['state'] | 'stale' {
  // What is damaged may not even know its version.
  return state !== 'corrupt' && version < current ? 'stale' : state
}

/** Replicas of a server that belong to no chunk. Those that were given up lately are on their way out. */
export function orphans(
  { chunks: { table, drops } }: Pick<StatusParts, 'chunks'>, { server, replicas }: RequestOf<typeof masterApi.methods.orphans>,
): ReplyOf<typeof masterApi.methods.orphans> {
  return {
    orphans: replicas.filter(({ chunk, version }) => table.chunk(chunk) === undefined && !drops.isDoomed(server, chunk, version))
      .map(({ chunk }) => chunk),
  }
}

/** What an operator should know, in sentences. */
function remarks({ chunks, reports, repair }: StatusParts, missing: number): string[] {
  const { servers, config, settling } = chunks
  const said: string[] = []
  const usable = [...servers.all()].filter(server => servers.isReachable(server))
  const hosts = new Set(usable.map(({ host }) => host)).size
  const racks = new Set(usable.map(({ rack }) => rack)).size
  if (!settling.over) said.push('The master has just started and waits for its chunkservers.')
  if (settling.over && !repair.swept) said.push('Not all chunks have been judged since the start: the counts may still grow.')
  if (usable.length < config.replicas) {
    said.push(`Chunks should have ${config.replicas} replicas, but only ${usable.length} chunkservers are live.`)
  } else if (hosts < config.replicas) {
    said.push(`Replicas of a chunk share machines: ${config.replicas} replicas on ${hosts} machine(s).`)
  }
  if (usable.length > 1 && racks === 1) said.push('All chunkservers are on one rack: its loss would take everything away.')
  const full = usable.filter(server => fitness(chunks, server) === 'full').length
  if (full > 0) said.push(`${full} chunkserver(s) get no new chunks because their disks are too full.`)
  for (const server of servers.all()) {
    if (server.diskFault !== '') said.push(`The disk of the chunkserver at ${server.address} takes no writes: ${server.diskFault}`)
    if (servers.stateOf(server) === 'dead') said.push(`The chunkserver at ${server.address} is dead: its replicas count as lost.`)
  }
  if (missing > 0) said.push(`${missing} chunk(s) have no usable replica on any live chunkserver.`)
  if (reports.warnedOfFuture) said.push('Some chunkserver has chunks that this master never made: is its data folder an old copy?')
  return said
}
