import { asDfsError } from '../../protocol/errors.ts'
import type { ChunkId, ServerId } from '../../protocol/identifiers.ts'
import { bounds } from '../config.ts'
import { copyOnce, settleForDoubtful, trim, type Mended, type Quietness } from './mend.ts'
import { assess, priorityOf, type Need } from './need.ts'
import type { ChunkParts } from './parts.ts'

interface Needy {
  need: Need
  sinceMs: number
  /** Not tried again before. */
  dueMs: number
  failures: number
}

/** Longest pause between two attempts to help a chunk, in ms. */
const RETRY_MS_MAX = 60_000

/** A chunk in constant use is disturbed after this many heartbeats of waiting. */
const PATIENCE_HEARTBEATS = 10

/** Finds the chunks that have too few replicas, too many or bad ones, and helps them, the most endangered first. */
export class Repair {
  readonly #parts: ChunkParts
  readonly #startedMs: number
  /** To be looked at in the next pass. */
  readonly #unseen = new Set<ChunkId>()
  readonly #needy = new Map<ChunkId, Needy>()
  /** Chunks of first leases that have ended, and when: their replicas should have been reported soon after. */
  readonly #unproven = new Map<ChunkId, number>()
  readonly #running = new Map<ChunkId, Promise<void>>()
  /** The next chunk of the sweep over all of them, which finds those that nobody has reported. */
  #sweepAt = 0

  constructor(parts: ChunkParts) {
    this.#parts = parts
    this.#startedMs = parts.clock.nowMs()
  }

  /** Something about the chunk's replicas has changed. */
  look(chunk: ChunkId): void {
    this.#unseen.add(chunk)
  }

  lookAtServer(server: ServerId): void {
    for (const chunk of this.#parts.locations.ofServer(server)) this.#unseen.add(chunk)
  }

  /** The chunk is no more. */
  forget(chunk: ChunkId): void {
    this.#unseen.delete(chunk)
    this.#needy.delete(chunk)
    this.#unproven.delete(chunk)
  }

  /** Copies and the like under way. */
  get running(): number {
    return this.#running.size
  }

  counts(): { underReplicated: number, missing: number } {
    if (this.#parts.settling.over) this.#assessSome()
    let underReplicated = 0
    let missing = 0
    for (const { need } of this.#needy.values()) {
      if (need.kind === 'lost') missing++
      else if (need.kind !== 'surplus') underReplicated++
    }
    return { underReplicated, missing }
  }

  /** One pass. @returns the chunks whose repair begins now, most endangered first */
  step(): ChunkId[] {
    const { servers, leases, settling, clock } = this.#parts
    const nowMs = clock.nowMs()
    for (const chunk of leases.expire()) this.#leaseEnded(chunk, nowMs)
    for (const server of servers.takeChanged()) this.lookAtServer(server.id)
    // Too early to say what is missing.
    if (!settling.over) return []
    this.#proveSome(nowMs)
    this.#sweepSome()
    this.#assessSome()
    return this.#startSome(nowMs)
  }

  /** Resolves when everything under way has ended. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values())
  }

  #leaseEnded(chunk: ChunkId, nowMs: number): void {
    this.#unseen.add(chunk)
    if (this.#parts.locations.of(chunk).some(({ state }) => state === 'expected')) this.#unproven.set(chunk, nowMs)
  }

  /** Replicas that were expected and that their servers have said nothing of, long after the lease, were never made. */
  #proveSome(nowMs: number): void {
    const { locations, leases, servers, config } = this.#parts
    for (const [chunk, endedMs] of this.#unproven) {
      if (leases.of(chunk) !== undefined) { this.#unproven.delete(chunk); continue }
      if (nowMs - endedMs < 4 * config.heartbeatMs) continue
      const expected = locations.of(chunk).filter(({ state }) => state === 'expected')
      const disproven = expected.filter(({ server }) => (servers.get(server)?.lastHeardMs ?? 0) > endedMs + 3 * config.heartbeatMs)
      for (const { server } of disproven) {
        // What is acknowledged is on all members: see agree.ts.
        locations.setBlank(chunk, true)
        locations.remove(chunk, server)
      }
      if (disproven.length === expected.length) this.#unproven.delete(chunk)
    }
  }

  #sweepSome(): void {
    const { table } = this.#parts
    const end = Math.min(this.#sweepAt + bounds.assessedPerPassMax, table.nextChunk)
    for (; this.#sweepAt < end; this.#sweepAt++) this.#assess(this.#sweepAt as ChunkId)
    if (this.#sweepAt >= table.nextChunk) this.#sweepAt = 0
  }

  #assessSome(): void {
    const batch: ChunkId[] = []
    for (const chunk of this.#unseen) {
      if (batch.push(chunk) >= bounds.assessedPerPassMax) break
    }
    for (const chunk of batch) {
      this.#unseen.delete(chunk)
      this.#assess(chunk)
    }
  }

  #assess(chunk: ChunkId): void {
    const { table, locations, servers, drops, locks, config, clock } = this.#parts
    const record = table.chunk(chunk)
    if (record === undefined) { this.#needy.delete(chunk); return }
    const replicas = locations.of(chunk)
    // Whoever holds the lock is about to change what we would judge; the lock's end brings the chunk here again.
    if (locks.isHeld(chunk)) { this.#unseen.add(chunk); return }
    const { need, useless } = assess(replicas, record.version, {
      wanted: config.replicas,
      isBlank: locations.isBlank(chunk),
      isAlive: ({ server }) => {
        const found = servers.get(server)
        return found !== undefined && servers.stateOf(found) !== 'dead'
      },
      inReach: ({ server }) => {
        const found = servers.get(server)
        return found !== undefined && servers.isReachable(found)
      },
    })
    for (const { server, version } of useless) {
      locations.remove(chunk, server)
      drops.add(server, chunk, version)
    }
    const known = this.#needy.get(chunk)
    if (need === undefined) this.#needy.delete(chunk)
    else if (known !== undefined) known.need = need
    else this.#needy.set(chunk, { need, sinceMs: clock.nowMs(), dueMs: 0, failures: 0 })
  }

  #startSome(nowMs: number): ChunkId[] {
    const { locks, config } = this.#parts
    const started: ChunkId[] = []
    const due = [...this.#needy]
      .filter(([chunk, { need, dueMs }]) => need.kind !== 'lost' && dueMs <= nowMs && !this.#running.has(chunk))
      .sort(([, one], [, other]) => priorityOf(one.need) - priorityOf(other.need) || one.sinceMs - other.sinceMs)
    for (const [chunk, needy] of due) {
      if (this.#running.size >= config.copiesMax) break
      if (locks.isHeld(chunk)) continue
      started.push(chunk)
      const job = this.#help(chunk, needy, nowMs).finally(() => { this.#running.delete(chunk) })
      this.#running.set(chunk, job)
    }
    return started
  }

  async #help(chunk: ChunkId, needy: Needy, nowMs: number): Promise<void> {
    const { locks, config, clock, log } = this.#parts
    const quietness = {
      // The last good replica is not left alone for long, however busy it is: nothing else has what is written to it.
      mayDisturb: isAlmostLost(needy.need) || nowMs - needy.sinceMs > PATIENCE_HEARTBEATS * config.heartbeatMs,
      // Leases granted before a restart of the master end in time.
      leasesAreKnown: nowMs - this.#startedMs > config.leaseMs,
    }
    try {
      const mended = await locks.hold(chunk, () => this.#mend(chunk, needy.need, quietness))
      needy.failures = 0
      if (mended !== 'done') needy.dueMs = clock.nowMs() + config.heartbeatMs
    } catch (error) {
      needy.failures++
      needy.dueMs = clock.nowMs() + Math.min(RETRY_MS_MAX, config.heartbeatMs * 2 ** needy.failures)
      const { code, message } = asDfsError(error)
      log.warn({ chunk, code, failures: needy.failures }, `a chunk could not be repaired, and will be tried again: ${message}`)
    }
    this.#unseen.add(chunk)
  }

  #mend(chunk: ChunkId, need: Need, quietness: Quietness): Promise<Mended> {
    switch (need.kind) {
      case 'copies': return copyOnce(this.#parts, chunk, quietness)
      case 'surplus': return trim(this.#parts, chunk, quietness)
      case 'doubtful': return settleForDoubtful(this.#parts, chunk)
      case 'lost': return Promise.resolve('no way')
    }
  }
}

/** Whether the loss of one more replica would lose acknowledged bytes. */
function isAlmostLost(need: Need): boolean {
  return need.kind === 'copies' && need.good === 1
}
