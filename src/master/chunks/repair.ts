import { asDfsError } from '../../protocol/errors.ts'
import type { ChunkId, ServerId } from '../../protocol/identifiers.ts'
import type { RepairStatus } from '../../protocol/master-api.ts'
import { bounds } from '../config.ts'
import type { Replica } from '../replicas/replica.ts'
import { Backlog } from './backlog.ts'
import { fitServers } from './choose.ts'
import { copyOnce, makeEven, settleForDoubtful, trim, type Mended, type Quietness } from './mend.ts'
import type { Lease } from './leases.ts'
import { Meter } from './meter.ts'
import { assess, type Judges, type Need } from './need.ts'
import type { ChunkParts } from './parts.ts'
import { couldSpread, groundsOf } from './placement.ts'
import { isNotPromised, type ChunkRecord } from './table.ts'
import { RepairQueue, type Begun, type Needy } from './repair-queue.ts'
import { findRoute, release, type Route } from './route.ts'

/** Longest pause between two attempts to help a chunk, in ms. */
const RETRY_MS_MAX = 60_000

/** A chunk in constant use is disturbed after this many heartbeats of waiting. */
const PATIENCE_HEARTBEATS = 10

/** A writer whose mutation failed asks for a new lease at once, which makes the replicas alike: it is given this long. */
const WRITER_HEARTBEATS = 2

type Looked = (record: ChunkRecord, replicas: readonly Replica[]) => void

/** Finds the chunks that have too few replicas, too many or bad ones, and helps them, the most endangered first. */
export class Repair {
  readonly #parts: ChunkParts
  readonly #startedMs: number
  readonly #backlog: Backlog
  readonly #queue = new RepairQueue()
  /** Chunks of first leases that have ended, and when: their replicas should have been reported soon after. */
  readonly #unproven = new Map<ChunkId, number>()
  readonly #running = new Map<ChunkId, Promise<void>>()
  readonly #meter: Meter
  /** How many chunks this pass may still sweep. */
  #sweepsLeft = 0
  #stopped = false
  #looked: Looked = () => {}

  constructor(parts: ChunkParts) {
    this.#parts = parts
    this.#startedMs = parts.clock.nowMs()
    this.#meter = new Meter(parts.clock)
    this.#backlog = new Backlog({ of: server => parts.locations.chunksOf(server), end: () => parts.table.nextChunk })
  }

  /** Sets who else hears of every chunk that is looked at, all of them again and again. */
  onLook(looked: Looked): void {
    this.#looked = looked
  }

  /** Something about the chunk's replicas has changed. */
  look(chunk: ChunkId): void {
    this.#backlog.add(chunk)
  }

  /** The chunk is no more. */
  forget(chunk: ChunkId): void {
    this.#backlog.remove(chunk)
    this.#queue.remove(chunk)
    this.#unproven.delete(chunk)
  }

  /** Copies and the like under way. */
  get running(): number {
    return this.#running.size
  }

  counts(): { underReplicated: number, missing: number } {
    if (this.#parts.settling.over) this.#judge(this.#backlog.take(bounds.judgedPerSliceMax))
    const { endangered, underReplicated, lost } = this.#queue.counts
    return { underReplicated: endangered + underReplicated, missing: lost }
  }

  /** What there is to do, and what has been done since the master started. */
  status(): RepairStatus {
    const { endangered, underReplicated, surplus, leaving, misplaced } = this.#queue.counts
    const { copies, bytes, bytesPerSecond } = this.#meter
    return {
      queued: { endangered, underReplicated, surplus, leaving, misplaced },
      running: this.running, judged: this.swept, copies, copiedBytes: bytes, bytesPerSecond,
    }
  }

  /** Whether every chunk has been judged since the master started, as its servers are now, so that {@link counts} tells of all. */
  get swept(): boolean {
    return this.#backlog.swept && !this.#backlog.hasServers
  }

  /** Whether some chunk waits for more than a better place, as far as is known. */
  get isUrgent(): boolean {
    const { endangered, underReplicated, leaving } = this.#queue.counts
    return endangered + underReplicated + leaving > 0
  }

  /** Whether something is to be done about the chunk, or is being done. */
  concerns(chunk: ChunkId): boolean {
    return this.#backlog.has(chunk) || this.#queue.get(chunk) !== undefined || this.#running.has(chunk)
  }

  /**
   * The beginning of a pass; {@link judgeMore} goes on with it.
   * @returns the chunks whose repair begins now, most endangered first
   */
  step(): ChunkId[] {
    const { servers, leases, settling, clock } = this.#parts
    const nowMs = clock.nowMs()
    for (const lease of leases.expire()) this.#leaseEnded(lease, nowMs)
    for (const server of servers.takeChanged()) this.#backlog.addServer(server.id)
    // Too early to say what is missing.
    if (!settling.over || this.#stopped) return []
    this.#proveSome(nowMs)
    this.#sweepsLeft = this.#backlog.swept ? bounds.sweptPerPassMax : Infinity
    this.judgeMore()
    this.#queue.wake(nowMs)
    return this.#beginSome()
  }

  /** Judges some of the chunks that this pass should. @returns whether there are more */
  judgeMore(): boolean {
    if (this.#stopped || !this.#parts.settling.over) return false
    const max = bounds.judgedPerSliceMax
    const changed = this.#backlog.take(max)
    this.#judge(changed)
    const swept = this.#backlog.sweep(Math.min(max - changed.length, this.#sweepsLeft))
    this.#judge(swept)
    // Once in a pass is enough, however few there are.
    this.#sweepsLeft = swept.length > 0 && this.#backlog.isAtFirst ? 0 : this.#sweepsLeft - swept.length
    // What is locked comes back at once: only a full slice tells of more.
    return changed.length + swept.length >= max
  }

  /** Begins nothing more. Resolves when everything under way has ended. */
  stop(): Promise<void> {
    this.#stopped = true
    return this.idle()
  }

  /** Resolves when everything under way has ended. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values())
  }

  #leaseEnded({ chunk, version, primary, doubted }: Lease, nowMs: number): void {
    const { locations, servers } = this.#parts
    this.#backlog.add(chunk)
    // Its primary may have died with a mutation that it had sent to some of the others.
    if (doubted || servers.get(primary)?.link === undefined) locations.setUneven(chunk, version)
    if (locations.of(chunk).some(({ state }) => state === 'expected')) this.#unproven.set(chunk, nowMs)
  }

  /** Replicas that were expected and that their servers have said nothing of, long after the lease, were never made. */
  #proveSome(nowMs: number): void {
    const { locations, leases, servers, config } = this.#parts
    for (const [chunk, endedMs] of this.#unproven) {
      if (leases.of(chunk) !== undefined) { this.#unproven.delete(chunk); continue }
      if (nowMs - endedMs < 4 * config.heartbeatMs) continue
      const expected = locations.of(chunk).filter(({ state }) => state === 'expected')
      const disproven = expected.filter(({ server: id }) => {
        const server = servers.get(id)
        return server?.reported === true && server.lastHeardMs > endedMs + 3 * config.heartbeatMs
      })
      for (const { server } of disproven) {
        // What is acknowledged is on all members: see agree.ts.
        locations.setBlank(chunk, true)
        locations.remove(chunk, server)
      }
      if (disproven.length === expected.length) this.#unproven.delete(chunk)
    }
  }

  #judge(chunks: readonly ChunkId[]): void {
    if (chunks.length === 0) return
    const judges = this.#judges()
    for (const chunk of chunks) this.#assess(chunk, judges)
  }

  /** As the servers are now. */
  #judges(): Judges {
    const { servers, config } = this.#parts
    const free = groundsOf(fitServers(this.#parts))
    const found = ({ server }: { server: ServerId }) => servers.get(server)
    return {
      isAlive: replica => {
        const server = found(replica)
        return server !== undefined && servers.stateOf(server) !== 'dead'
      },
      inReach: replica => {
        const server = found(replica)
        return server !== undefined && servers.isReachable(server)
      },
      isLeaving: ({ server }) => servers.isLeaving(server),
      couldSpread: replicas => couldSpread(replicas.flatMap(replica => found(replica) ?? []), free, config.rackPolicy),
    }
  }

  #assess(chunk: ChunkId, judges: Judges): void {
    const { table, locations, drops, locks, config, clock } = this.#parts
    const record = table.chunk(chunk)
    if (record === undefined) { this.#queue.remove(chunk); return }
    // Whoever holds the lock is about to change what we would judge; the lock's end brings the chunk here again.
    if (locks.isHeld(chunk)) { this.#backlog.add(chunk); return }
    const replicas = locations.of(chunk)
    this.#looked(record, replicas)
    const isBlank = locations.isBlank(chunk) || (replicas.length === 0 && isNotPromised(table, chunk))
    const isUneven = locations.isUneven(chunk, record.version)
    const { need, useless } = assess(replicas, record.version, { wanted: config.replicas, isBlank, isUneven, judges })
    for (const { server, version } of useless) {
      locations.remove(chunk, server)
      drops.add(server, chunk, version)
    }
    if (need === undefined) this.#queue.remove(chunk)
    else this.#queue.put(chunk, need, clock.nowMs())
  }

  #beginSome(): ChunkId[] {
    return this.#queue.begin({ triesMax: bounds.triedPerPassMax }, (chunk, needy) => this.#begin(chunk, needy))
  }

  #begin(chunk: ChunkId, needy: Needy): Begun {
    const { locks, config, clock } = this.#parts
    if (locks.isHeld(chunk) || this.#running.has(chunk)) return 'later'
    if (this.#running.size >= bounds.helpedAtOnceMax) return 'busy'
    if (needy.need.kind === 'uneven' && clock.nowMs() - needy.sinceMs < WRITER_HEARTBEATS * config.heartbeatMs) {
      needy.dueMs = needy.sinceMs + WRITER_HEARTBEATS * config.heartbeatMs
      return 'later'
    }
    let route: Route | undefined
    if (isCopied(needy.need)) {
      const found = findRoute(this.#parts, chunk, { hurry: isAlmostLost(needy.need) })
      if (found === 'busy') return 'busy'
      if (found === 'none') {
        // No room anywhere: the status says so.
        needy.dueMs = clock.nowMs() + config.heartbeatMs
        return 'later'
      }
      route = found
    }
    this.#running.set(chunk, this.#help(chunk, needy, route))
    return 'begun'
  }

  async #help(chunk: ChunkId, needy: Needy, route: Route | undefined): Promise<void> {
    const { locks, config, clock, log } = this.#parts
    const nowMs = clock.nowMs()
    const quietness = {
      // The last good replica is not left alone for long, however busy it is: nothing else has what is written to it.
      mayDisturb: isAlmostLost(needy.need) || nowMs - needy.sinceMs > PATIENCE_HEARTBEATS * config.heartbeatMs,
      // Leases granted before a restart of the master end in time.
      leasesAreKnown: nowMs - this.#startedMs > config.leaseMs,
    }
    try {
      const mended = await locks.hold(chunk, () => this.#mend(chunk, needy.need, route, quietness))
      needy.failures = 0
      if (mended !== 'done') needy.dueMs = clock.nowMs() + config.heartbeatMs
    } catch (error) {
      needy.failures++
      needy.dueMs = clock.nowMs() + Math.min(RETRY_MS_MAX, config.heartbeatMs * 2 ** needy.failures)
      const { code, message } = asDfsError(error)
      log.warn({ chunk, code, failures: needy.failures }, `a chunk could not be repaired, and will be tried again: ${message}`)
    } finally {
      if (route !== undefined) release(route)
      this.#running.delete(chunk)
      this.#queue.comeBack(chunk)
    }
    if (this.#stopped) return
    // What it needs next, and whoever waits for the servers that are free now, need not wait for the next pass.
    this.#assess(chunk, this.#judges())
    this.#queue.wake(clock.nowMs())
    this.#beginSome()
  }

  #mend(chunk: ChunkId, need: Need, route: Route | undefined, quietness: Quietness): Promise<Mended> {
    switch (need.kind) {
      case 'copies': case 'move': case 'spread': return route === undefined ? Promise.resolve('no way') : copyOnce(
        this.#parts, chunk, route, { quietness, rateBytes: this.#rateBytes, copied: bytes => { this.#meter.add(bytes) } })
      case 'surplus': return trim(this.#parts, chunk, quietness)
      case 'doubtful': return settleForDoubtful(this.#parts, chunk)
      case 'uneven': return makeEven(this.#parts, chunk)
      case 'lost': return Promise.resolve('no way')
    }
  }

  /** Of one copy: all that a server may take part in share its rate. */
  get #rateBytes(): number {
    const { repairRateBytes, repairStreams } = this.#parts.config
    return repairRateBytes === 0 ? 0 : Math.max(1, Math.floor(repairRateBytes / repairStreams))
  }
}

/** Whether another replica is what it needs. */
function isCopied({ kind }: Need): boolean {
  return kind === 'copies' || kind === 'move' || kind === 'spread'
}

/** Whether the loss of one more replica would lose acknowledged bytes. */
function isAlmostLost(need: Need): boolean {
  return need.kind === 'copies' && need.good === 1
}
