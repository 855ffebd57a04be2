import type { ReplyOf, RequestOf } from '../../protocol/api.ts'
import { DfsError } from '../../protocol/errors.ts'
import type { ChunkId, ChunkVersion, ServerId } from '../../protocol/identifiers.ts'
import type { masterApi } from '../../protocol/master-api.ts'
import { fitness } from '../chunks/choose.ts'
import type { ChunkParts } from '../chunks/parts.ts'
import { groundsOf } from '../chunks/placement.ts'
import type { Repair } from '../chunks/repair.ts'
import type { MasterCore } from '../core.ts'
import { bounds } from '../config.ts'
import { eachInTurns } from '../../seams/background.ts'
import type { KnownServers } from './known.ts'
import type { Server } from './server.ts'
import { shownServer } from './shown.ts'

export interface RetireParts {
  readonly core: MasterCore
  readonly chunks: ChunkParts
  readonly repair: Repair
  readonly known: KnownServers
}

/** The servers as whoever retires them wants to see them. */
export function chunkservers({ chunks }: Pick<RetireParts, 'chunks'>): ReplyOf<typeof masterApi.methods.chunkservers> {
  const { servers, locations } = chunks
  return {
    servers: [...servers.all()].map(server => ({
      ...shownServer(chunks, server),
      replicaBytes: locations.bytesOf(server.id), copies: server.copies,
      // Before its report has come nobody knows what it has.
      empty: server.reported && locations.countOf(server.id) === 0,
    })),
  }
}

/**
 * Begins to move everything off some servers, or ends that.
 * @returns what is worth a warning
 * @throws DfsError 'invalid' a server is unknown, or those that stay cannot hold the replicas
 */
export async function drain(
  { core, chunks }: Pick<RetireParts, 'core' | 'chunks'>,
  { servers: ids, cancel }: RequestOf<typeof masterApi.methods.drain>,
): Promise<ReplyOf<typeof masterApi.methods.drain>> {
  const { servers, settling } = chunks
  for (const id of ids) known(chunks, id)
  // What the servers that stay can hold is known when they are back.
  await settling.settled()
  const warnings = cancel ? [] : refuseIfTooLittleStays(chunks, ids)
  await core.submit('setDraining', { servers: ids, draining: !cancel })
  for (const id of ids) servers.setLeaving(id, !cancel)
  return { warnings }
}

/** @returns warnings */
function refuseIfTooLittleStays(chunks: ChunkParts, ids: readonly ServerId[]): string[] {
  const { servers, locations, config } = chunks
  const all = [...servers.all()].filter(server => servers.stateOf(server) !== 'dead')
  const stays = all.filter(({ id }) => !ids.includes(id) && !servers.isLeaving(id))
  const goes = all.filter(server => !stays.includes(server))
  const takers = stays.filter(server => fitness(chunks, server) === 'fit')
  if (takers.length < config.replicas) {
    throw new DfsError('invalid', `only ${takers.length} chunkserver(s) that can take replicas would stay, `
      + `and every chunk needs ${config.replicas}: add chunkservers first`)
  }
  const neededBytes = goes.reduce((sum, { id }) => sum + locations.bytesOf(id), 0)
  const roomBytes = takers.reduce((sum, server) => sum + roomOf(chunks, server), 0)
  if (neededBytes > roomBytes) {
    throw new DfsError('invalid', `${neededBytes} bytes have to move, and those that stay have room for ${roomBytes}: `
      + 'add chunkservers or remove files first')
  }
  const before = groundsOf(all)
  const after = groundsOf(takers)
  const wanted = Math.min(config.replicas, before.racks.size)
  const warnings: string[] = []
  if (after.racks.size < wanted) {
    warnings.push(`Replicas will share racks: ${config.replicas} replicas on ${after.racks.size} rack(s).`)
  }
  if (after.hosts.size < Math.min(config.replicas, before.hosts.size)) {
    warnings.push(`Replicas will share machines: ${config.replicas} replicas on ${after.hosts.size} machine(s).`)
  }
  for (const server of goes) {
    if (!servers.isReachable(server)) {
      warnings.push(`The chunkserver at ${server.address} cannot be reached: its chunks are copied from other replicas.`)
    }
  }
  return warnings
}

/** What a server takes before it counts as too full, in bytes. */
function roomOf({ config }: ChunkParts, { freeBytes, totalBytes }: Server): number {
  return Math.max(0, freeBytes - config.minFreeFraction * totalBytes)
}

/**
 * Forgets a server that will never come back. Should it come back all the same, it is a new one, whose replicas count.
 * @throws DfsError 'invalid' it is unknown, connected, or may have the only replica of something and `force` is not set
 */
export async function forget(
  { core, chunks, repair, known: list }: RetireParts, { server: id, force }: RequestOf<typeof masterApi.methods.forget>,
): Promise<Record<string, never>> {
  const { servers, locations, drops, leases, table, clock } = chunks
  const server = known(chunks, id)
  if (server.link !== undefined) {
    throw new DfsError('invalid', `the chunkserver at ${server.address} is connected: drain it, then stop it`)
  }
  if (!force) await refuseIfSole({ chunks, repair }, server)
  // What the master does not find from here on may have been there: a chunk without replicas is not one never written.
  if (force) await list.doubtBelow(table.nextChunk)
  await core.submit('setDraining', { servers: [id], draining: false })
  if (servers.get(id)?.link !== undefined) throw new DfsError('invalid', `the chunkserver at ${server.address} has come back`)
  servers.remove(id)
  leases.doubtThoseOf(id)
  drops.forgetServer(id)
  await eachInTurns(clock, locations.chunksOf(id), bounds.forgottenPerSliceMax, chunk => {
    // If it has come back meanwhile, it says itself what it has.
    if (servers.get(id) === undefined) locations.remove(chunk, id)
  })
  chunks.log.warn({ server: id, address: server.address, force }, 'a chunkserver was forgotten')
  await list.remove(id)
  return {}
}

async function refuseIfSole({ chunks, repair }: Pick<RetireParts, 'chunks' | 'repair'>, { id, address }: Server): Promise<void> {
  const { locations, table, servers, clock } = chunks
  const again = '--force forgets it all the same'
  if (!repair.swept) {
    throw new DfsError('invalid', `the master has just started and does not know yet what else is missing: try again, or ${again}`)
  }
  const isElsewhere = (chunk: ChunkId, version: ChunkVersion): boolean => locations.of(chunk).some(replica => {
    const server = servers.get(replica.server)
    return server !== undefined && server.id !== id && servers.isReachable(server)
      && replica.state === 'good' && replica.version >= version
  })
  let sole = 0
  await eachInTurns(clock, locations.chunksOf(id), bounds.judgedPerSliceMax, chunk => {
    const version = table.chunk(chunk)?.version
    if (version !== undefined && !isElsewhere(chunk, version)) sole++
  })
  const { missing } = repair.counts()
  if (sole > 0 || missing > 0) {
    throw new DfsError('invalid', `${Math.max(sole, missing)} chunk(s) have no other good replica within reach than what the `
      + `chunkserver at ${address} may have: bring it back, or lose them; ${again}`)
  }
}

function known({ servers }: ChunkParts, id: ServerId): Server {
  const server = servers.get(id)
  if (server === undefined) throw new DfsError('invalid', `there is no chunkserver ${id}`)
  return server
}
