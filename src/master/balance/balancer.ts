import { asDfsError } from '../../protocol/errors.ts'
import type { ChunkId, ServerId } from '../../protocol/identifiers.ts'
import type { BalanceState, BalanceStatus } from '../../protocol/master-api.ts'
import { fitness } from '../chunks/choose.ts'
import { moveOnce, type Mended } from '../chunks/mend.ts'
import { Meter } from '../chunks/meter.ts'
import type { ChunkParts } from '../chunks/parts.ts'
import type { Repair } from '../chunks/repair.ts'
import { goodReplicas, hasRoom, hold, release, sourceFor, type Route } from '../chunks/route.ts'
import { bounds } from '../config.ts'
import type { Server } from '../servers/server.ts'
import { InTransit, type Transit } from './in-transit.ts'
import { giversIn, takerFor } from './moves.ts'
import { leftBytes, meanShare, shareOf, type Holder } from './shares.ts'

/** What an operator wants. */
export interface BalanceOrder {
  /** How far from the mean a server's used share may be, 0 to 1. */
  threshold: number
  /** Bytes per second that a server may give or take at most; 0 is no limit. */
  rateBytes: number
}

/** A chunk that could not be moved now is left alone for so many heartbeats. */
const ASIDE_HEARTBEATS = 10

/** So long after an order servers have told how long all replicas are that were written before it: when they had rested 5 s. */
const TOLD_MS = 10_000

/** How far the search for something that a server could give has come. */
interface Search {
  chunks: Iterator<ChunkId>
  /** Something could perhaps move later. */
  waits: boolean
}

/**
 * Evens out how full the servers are, on an operator's order, one replica after the other: each is copied before it is dropped.
 * What is under way lives in memory: with the master's process an order ends.
 */
export class Balancer {
  readonly #parts: ChunkParts
  readonly #repair: Repair
  readonly #startedMs: number
  readonly #transit: InTransit
  readonly #running = new Map<ChunkId, Promise<void>>()
  /** Servers that give or take at this moment. */
  readonly #busy = new Set<Server>()
  /** When the servers' rate lets them take part again. */
  readonly #dueMs = new Map<ServerId, number>()
  readonly #searches = new Map<ServerId, Search>()
  /** Servers of which nothing can move, as things stand. */
  readonly #exhausted = new Set<ServerId>()
  readonly #asideUntilMs = new Map<ChunkId, number>()
  #meter: Meter
  #state: BalanceState = 'off'
  #order: BalanceOrder = { threshold: 0.1, rateBytes: 0 }
  #orderedMs = 0
  #endedMs = 0

  constructor(parts: ChunkParts, repair: Repair) {
    this.#parts = parts
    this.#repair = repair
    this.#startedMs = parts.clock.nowMs()
    this.#transit = new InTransit(parts.drops)
    this.#meter = new Meter(parts.clock)
  }

  /** Begins; where it runs already, it goes on under the new order. */
  start(order: BalanceOrder): void {
    const { clock, log } = this.#parts
    this.#order = order
    this.#lookAnew()
    if (this.#state === 'running') return
    this.#state = 'running'
    this.#orderedMs = clock.nowMs()
    this.#meter = new Meter(clock)
    log.info({ ...order }, 'balancing begins')
  }

  /** Begins no more moves; those under way come to their end. */
  stop(): void {
    this.#end('stopped')
  }

  /** Resolves when everything under way has ended. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values())
  }

  status(): BalanceStatus {
    const { servers, clock } = this.#parts
    const holders = this.#holders()
    const { threshold, rateBytes } = this.#order
    const endMs = this.#state === 'running' ? clock.nowMs() : this.#endedMs
    return {
      state: this.#state, threshold, rateBytes, mean: meanShare(holders),
      waitsForRepair: this.#state === 'running' && this.#repair.isUrgent,
      servers: [...servers.all()].map(server => {
        const usedBytes = Math.max(0, server.totalBytes - server.freeBytes)
        return {
          ...server.shown, totalBytes: server.totalBytes, usedBytes, share: shareOf({ totalBytes: server.totalBytes, usedBytes }),
          takesPart: this.#takesPart(server),
        }
      }),
      running: this.#running.size, movedChunks: this.#meter.copies, movedBytes: this.#meter.bytes,
      bytesPerSecond: this.#meter.bytesPerSecond, leftBytes: leftBytes(holders, threshold),
      tookMs: Math.round(Math.max(0, endMs - this.#orderedMs)),
    }
  }

  /** One pass. @returns the chunks that begin to move */
  step(): ChunkId[] {
    const nowMs = this.#parts.clock.nowMs()
    this.#transit.step(nowMs)
    if (this.#state !== 'running' || !this.#parts.settling.over) return []
    for (const [chunk, untilMs] of this.#asideUntilMs) if (untilMs <= nowMs) this.#asideUntilMs.delete(chunk)
    return this.#beginSome()
  }

  #beginSome(): ChunkId[] {
    // Chunks that lack replicas come first: they need the same disks.
    if (this.#state !== 'running' || this.#repair.isUrgent) return []
    const begun: ChunkId[] = []
    let looksLeft: number = bounds.balancedPerPassMax
    for (;;) {
      const holders = this.#holders()
      const givers = giversIn(holders, this.#order.threshold)
      const isAtRest = this.#running.size === 0 && this.#transit.count === 0
      if (givers.length === 0) {
        // What is in transit may turn out otherwise.
        if (isAtRest) this.#end('balanced')
        return begun
      }
      if (isAtRest && givers.every(({ id }) => this.#exhausted.has(id))) {
        this.#end('stuck')
        return begun
      }
      const found = this.#find(givers, holders, looksLeft)
      looksLeft = found.looksLeft
      if (found.move === undefined) return begun
      this.#begin(found.move)
      begun.push(found.move.chunk)
    }
  }

  /** The next replica that should move. */
  #find(
    givers: readonly Holder[], holders: readonly Holder[], looksMax: number,
  ): { move: Move | undefined, looksLeft: number } {
    let looksLeft = looksMax
    for (const giver of givers) {
      const server = this.#parts.servers.get(giver.id)
      if (server === undefined || this.#exhausted.has(giver.id) || !this.#isFree(server)) continue
      const search = this.#searchOf(giver.id)
      while (looksLeft > 0) {
        const next = search.chunks.next()
        if (next.done === true) {
          this.#searches.delete(giver.id)
          if (!search.waits) this.#exhausted.add(giver.id)
          break
        }
        looksLeft--
        const move = this.#consider(next.value, server, giver, holders)
        if (move === 'later') search.waits = true
        else if (move !== undefined) return { move, looksLeft }
      }
    }
    return { move: undefined, looksLeft }
  }

  /** Whether a chunk can move off a server, and where to; 'later' where something passing is in the way. */
  #consider(chunk: ChunkId, server: Server, giver: Holder, holders: readonly Holder[]): Move | 'later' | undefined {
    const { locks, leases, config, servers, clock } = this.#parts
    const good = goodReplicas(this.#parts, chunk)
    const lengthBytes = good.find(each => each.server === server)?.replica.lengthBytes ?? 0
    // How long one is that was written is told when it has come to rest.
    const isNew = leases.of(chunk) !== undefined || clock.nowMs() - this.#orderedMs < TOLD_MS
    if (lengthBytes === 0 && isNew) return 'later'
    // What has too few or too many is the repair's.
    if (lengthBytes === 0 || good.length !== config.replicas) return undefined
    const movable = { lengthBytes, held: good.map(each => this.#holder(each.server)) }
    const aim = { mean: meanShare(holders), threshold: this.#order.threshold }
    const takers = holders.filter(({ id }) => this.#mayTake(chunk, id))
    if (takerFor(giver, movable, takers, aim) === undefined) return undefined
    const taker = takerFor(giver, movable, takers.filter(({ id }) => this.#isFree(servers.get(id))), aim)
    const to = taker === undefined ? undefined : servers.get(taker.id)
    const from = sourceFor(this.#parts, good)
    if (to === undefined || from === undefined || !good.every(each => servers.isReachable(each.server))) return 'later'
    if (locks.isHeld(chunk) || this.#repair.concerns(chunk) || this.#isInUse(chunk) || this.#asideUntilMs.has(chunk)) return 'later'
    return { chunk, lengthBytes, giver: server, route: { from, to } }
  }

  #begin(move: Move): void {
    const { chunk, giver, route } = move
    hold(route)
    this.#busy.add(giver).add(route.to)
    this.#running.set(chunk, this.#move(move))
  }

  async #move({ chunk, lengthBytes, giver, route }: Move): Promise<void> {
    const { locks, locations, clock, config, log } = this.#parts
    const { rateBytes } = this.#order
    const startedMs = clock.nowMs()
    const transit: Transit = { chunk, lengthBytes, giver, taker: route.to }
    this.#transit.add(transit)
    let outcome: Mended = 'no way'
    try {
      outcome = await locks.hold(chunk, () => moveOnce(this.#parts, chunk, route, {
        giver, rateBytes, copied: bytes => { this.#meter.add(bytes) },
        quietness: { mayDisturb: false, leasesAreKnown: startedMs - this.#startedMs > config.leaseMs },
      }))
      if (outcome === 'done') {
        transit.takenMs = clock.nowMs()
        transit.droppedVersion = locations.get(chunk, route.to.id)?.version
      }
    } catch (error) {
      const { code, message } = asDfsError(error)
      log.warn({ chunk, code, from: giver.id, to: route.to.id }, `a replica could not be moved: ${message}`)
    } finally {
      this.#running.delete(chunk)
      release(route)
      const dueMs = rateBytes === 0 ? 0 : startedMs + lengthBytes * 1_000 / rateBytes
      for (const server of [giver, route.to]) {
        this.#busy.delete(server)
        this.#dueMs.set(server.id, dueMs)
      }
    }
    if (transit.droppedVersion === undefined) this.#transit.remove(transit)
    if (outcome === 'done') this.#exhausted.clear()
    else this.#asideUntilMs.set(chunk, clock.nowMs() + ASIDE_HEARTBEATS * config.heartbeatMs)
    this.#beginSome()
  }

  #end(state: 'balanced' | 'stuck' | 'stopped'): void {
    if (this.#state !== 'running') return
    const { clock, log } = this.#parts
    this.#state = state
    this.#endedMs = clock.nowMs()
    this.#lookAnew()
    log.info({ state, movedChunks: this.#meter.copies, movedBytes: this.#meter.bytes }, 'balancing has ended')
  }

  #lookAnew(): void {
    this.#searches.clear()
    this.#exhausted.clear()
    this.#asideUntilMs.clear()
  }

  #searchOf(server: ServerId): Search {
    let search = this.#searches.get(server)
    if (search === undefined) {
      search = { chunks: this.#parts.locations.chunksOf(server), waits: false }
      this.#searches.set(server, search)
    }
    return search
  }

  #mayTake(chunk: ChunkId, id: ServerId): boolean {
    const { servers, locations } = this.#parts
    const server = servers.get(id)
    return server !== undefined && fitness(this.#parts, server) === 'fit' && !servers.isDoubted(server)
      && locations.get(chunk, id) === undefined
  }

  #isFree(server: Server | undefined): boolean {
    return server !== undefined && !this.#busy.has(server) && hasRoom(this.#parts, server)
      && (this.#dueMs.get(server.id) ?? 0) <= this.#parts.clock.nowMs()
  }

  #isInUse(chunk: ChunkId): boolean {
    const { leases, clock, config } = this.#parts
    const lease = leases.of(chunk)
    return lease !== undefined && clock.nowMs() - lease.usedAtMs < 3 * config.heartbeatMs
  }

  #takesPart(server: Server): boolean {
    const { servers } = this.#parts
    return servers.isReachable(server) && server.reported && server.diskFault === '' && !servers.isLeaving(server.id)
      && server.totalBytes > 0
  }

  #holders(): Holder[] {
    return [...this.#parts.servers.all()].filter(server => this.#takesPart(server)).map(server => this.#holder(server))
  }

  #holder(server: Server): Holder {
    const { id, rack, host, totalBytes, freeFraction, load, recentlyPlaced } = server
    return { id, rack, host, totalBytes, freeFraction, load, recentlyPlaced, usedBytes: this.#transit.usedBytes(server) }
  }
}

interface Move {
  readonly chunk: ChunkId
  readonly lengthBytes: number
  readonly giver: Server
  readonly route: Route
}
