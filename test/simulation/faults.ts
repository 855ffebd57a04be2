import { pause } from '../../src/seams/clock.ts'
import { blows, type Blow, type BlowKind } from './blows.ts'
import type { SimulatedCluster } from './cluster.ts'
import type { SeededRandom } from './random.ts'

export type FaultKind = BlowKind
export const faultKinds = Object.keys(blows) as FaultKind[]
/** Without rot, for which everything else has to wait, and clients that are far: these have runs of their own. */
export const usualFaults = faultKinds.filter(kind => kind !== 'rot' && kind !== 'far')

/** How often to ask whether the cluster is whole again, and how long to wait for it before another blow is chosen, in ms. */
const WHOLE_EVERY_MS = 250
const WHOLE_WITHIN_MS = 20_000
/** The answers in a row that count: a change under way may be about to leave out a replica. */
const WHOLE_ANSWERS = 2

/** One at a time, and what a disk may lose only while all is well; or several at once, at any time. */
export type FaultMode = 'one at a time' | 'overlapping'
const OVERLAPPING = 3

/**
 * Hurts a cluster at random. Bytes that were not synced are in the page caches of the replicas' machines only, and
 * documented to be gone when all of these lose power. So with one fault at a time no chunkserver loses power, or the
 * contents of its disk, before all chunks have their replicas again: whatever a run loses then, it should not have lost.
 */
export class Faults {
  readonly #cluster: SimulatedCluster
  readonly #random: SeededRandom
  readonly #kinds: readonly FaultKind[]
  readonly #mode: FaultMode
  readonly #stopping = new AbortController()
  /** Hosts that are hurt now. */
  readonly #hurt = new Set<string>()
  /** What was done, newest last. */
  readonly done: string[] = []

  constructor(cluster: SimulatedCluster, random: SeededRandom, { kinds, mode }: { kinds: readonly FaultKind[], mode: FaultMode }) {
    this.#cluster = cluster
    this.#random = random
    this.#kinds = mode === 'overlapping' ? kinds.filter(kind => !('losesSyncedBytes' in blows[kind])) : kinds
    this.#mode = mode
  }

  /** Goes on until `stop`; resolves when everything is healed. */
  async run(): Promise<void> {
    if (this.#kinds.length === 0) return
    const hands = this.#mode === 'overlapping' ? OVERLAPPING : 1
    await Promise.all(Array.from({ length: hands }, () => this.#strikeAgainAndAgain()))
  }

  stop(): void {
    this.#stopping.abort()
  }

  async #strikeAgainAndAgain(): Promise<void> {
    const { clock } = this.#cluster.world
    for (;;) {
      await pause(clock, 50 + this.#random.below(1_500), this.#stopping.signal)
      if (this.#stopping.signal.aborted) return
      await this.#strike(this.#random.pick(this.#kinds))
    }
  }

  async #strike(kind: FaultKind): Promise<void> {
    const { world: { clock }, master } = this.#cluster
    const random = this.#random
    const blow: Blow = blows[kind]
    const victims = blow.victims(this.#cluster, random)
    if (victims.some(host => this.#hurt.has(host))) return
    for (const host of victims) this.#hurt.add(host)
    const lastsMs = random.chance(0.7) ? random.below(1_000) : random.below(12_000)
    if (this.#mode === 'one at a time' && blow.losesBytes && victims[0] !== master.host && !await this.#whole()) {
      for (const host of victims) this.#hurt.delete(host)
      return
    }
    this.#note(`${kind} ${victims.join(', ')} for ${String(lastsMs)} ms`)
    const heal = await blow.strike(this.#cluster, victims, random)
    if (heal !== undefined) {
      await pause(clock, lastsMs)
      await heal()
      this.#note(`${kind} ${victims.join(', ')} is over`)
    }
    for (const host of victims) this.#hurt.delete(host)
  }

  /** Waits until the master says that nothing is amiss. @returns whether it did in time */
  async #whole(): Promise<boolean> {
    const { clients: [first], servers, world: { clock } } = this.#cluster
    const deadlineMs = clock.nowMs() + WHOLE_WITHIN_MS
    for (let answers = 0; answers < WHOLE_ANSWERS;) {
      if (this.#stopping.signal.aborted || clock.nowMs() > deadlineMs) return false
      const status = await first?.client.admin.status().catch(() => undefined)
      const whole = status !== undefined && status.remarks.length === 0
        && status.servers.filter(({ state }) => state === 'live').length === servers.length
        && status.underReplicated + status.missing + status.repairsRunning === 0
      answers = whole ? answers + 1 : 0
      if (answers < WHOLE_ANSWERS) await pause(clock, WHOLE_EVERY_MS, this.#stopping.signal)
    }
    return true
  }

  #note(what: string): void {
    this.done.push(`${this.#cluster.world.clock.nowMs().toFixed(0)} ms: ${what}`)
  }
}
