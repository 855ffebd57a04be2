import type { ChunkId } from '../../protocol/identifiers.ts'
import { classOf, priorityOf, type Need, type NeedClass } from './need.ts'

/** A chunk that lacks something. */
export interface Needy {
  need: Need
  readonly sinceMs: number
  /** Not tried again before. */
  dueMs: number
  failures: number
}

/** What came of trying to begin: 'busy' stays ready, and others are tried first next time. */
export type Begun = 'begun' | 'busy' | 'later'

/**
 * The chunks that lack something. Those that are ready are given out in the order of their need, and those of the same need
 * in the order in which they came.
 */
export class RepairQueue {
  readonly #needy = new Map<ChunkId, Needy>()
  readonly #ready = new Map<number, Set<ChunkId>>()
  readonly #waiting = new Set<ChunkId>()
  readonly #counts: Record<NeedClass, number> = {
    endangered: 0, underReplicated: 0, surplus: 0, leaving: 0, misplaced: 0, uneven: 0, lost: 0,
  }

  /** What the chunk lacks now. One that is being helped stays out of turn until {@link comeBack}. */
  put(chunk: ChunkId, need: Need, nowMs: number): void {
    const known = this.#needy.get(chunk)
    this.#counts[classOf(need)]++
    if (known === undefined) {
      this.#needy.set(chunk, { need, sinceMs: nowMs, dueMs: 0, failures: 0 })
      this.#line(need).add(chunk)
      return
    }
    this.#counts[classOf(known.need)]--
    const line = this.#line(known.need)
    const wasReady = line.delete(chunk)
    known.need = need
    if (wasReady) this.#line(need).add(chunk)
  }

  /** It lacks nothing any more, or is no more. */
  remove(chunk: ChunkId): void {
    const known = this.#needy.get(chunk)
    if (known === undefined) return
    this.#counts[classOf(known.need)]--
    this.#line(known.need).delete(chunk)
    this.#waiting.delete(chunk)
    this.#needy.delete(chunk)
  }

  /** A chunk that was begun may be tried again, at its time. */
  comeBack(chunk: ChunkId): void {
    if (this.#needy.has(chunk)) this.#waiting.add(chunk)
  }

  get(chunk: ChunkId): Needy | undefined {
    return this.#needy.get(chunk)
  }

  /** How many chunks lack what. */
  get counts(): Readonly<Record<NeedClass, number>> {
    return this.#counts
  }

  /** Makes those ready whose time has come. */
  wake(nowMs: number): void {
    for (const chunk of this.#waiting) {
      const needy = this.#needy.get(chunk)
      if (needy !== undefined && needy.dueMs > nowMs) continue
      this.#waiting.delete(chunk)
      if (needy !== undefined) this.#line(needy.need).add(chunk)
    }
  }

  /**
   * Tries the ready ones, the most endangered first.
   * @param triesMax how many at most
   * @param begin begins with one, if it can
   * @returns those that have begun, in order
   */
  begin({ triesMax }: { triesMax: number }, begin: (chunk: ChunkId, needy: Needy) => Begun): ChunkId[] {
    const begun: ChunkId[] = []
    let tries = 0
    for (const priority of [...this.#ready.keys()].sort((one, other) => one - other)) {
      // The lost wait for their servers.
      if (priority === Infinity) continue
      const line = this.#ready.get(priority) ?? new Set()
      for (const chunk of [...line.values().take(triesMax - tries)]) {
        const needy = this.#needy.get(chunk)
        if (needy === undefined) continue
        tries++
        line.delete(chunk)
        const outcome = begin(chunk, needy)
        if (outcome === 'begun') begun.push(chunk)
        else if (outcome === 'later') this.#waiting.add(chunk)
        else line.add(chunk)
      }
      if (line.size === 0) this.#ready.delete(priority)
    }
    return begun
  }

  #line(need: Need): Set<ChunkId> {
    const priority = priorityOf(need)
    let line = this.#ready.get(priority)
    if (line === undefined) this.#ready.set(priority, line = new Set())
    return line
  }
}
