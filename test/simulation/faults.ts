import { pause } from '../../src/seams/clock.ts'
import type { SimulatedCluster } from './cluster.ts'
import type { SeededRandom } from './random.ts'

export const faultKinds = ['kill', 'power', 'cut', 'reset'] as const
export type FaultKind = (typeof faultKinds)[number]

/** How often to ask whether the cluster is whole again, and how long to wait for it before another blow is chosen, in ms. */
const WHOLE_EVERY_MS = 250
const WHOLE_WITHIN_MS = 20_000
/** The answers in a row that count: a change under way may be about to leave out a replica. */
const WHOLE_ANSWERS = 2

/**
 * Hurts a cluster at random, one machine or one way at a time, and heals it before the next blow.
 *
 * Bytes that were not synced are in the page caches of the replicas' machines only, and documented to be gone when all of
 * these lose power. So no chunkserver loses power before all chunks have their replicas again: whatever a run loses then,
 * it should not have lost.
 */
export class Faults {
  readonly #cluster: SimulatedCluster
  readonly #random: SeededRandom
  readonly #kinds: readonly FaultKind[]
  readonly #stopping = new AbortController()
  /** What was done, newest last. */
  readonly done: string[] = []
  failure: unknown

  constructor(cluster: SimulatedCluster, random: SeededRandom, kinds: readonly FaultKind[]) {
    this.#cluster = cluster
    this.#random = random
    this.#kinds = kinds
  }

  /** Goes on until `stop`; resolves when everything is healed. */
  async run(): Promise<void> {
    const { clock } = this.#cluster.world
    for (;;) {
      await pause(clock, 50 + this.#random.below(1_500), this.#stopping.signal)
      if (this.#stopping.signal.aborted) return
      await this.#blow(this.#random.pick(this.#kinds))
    }
  }

  stop(): void {
    this.#stopping.abort()
  }

  async #blow(kind: FaultKind): Promise<void> {
    const { world, master, machines, hosts } = this.#cluster
    const random = this.#random
    const lastsMs = random.chance(0.7) ? random.below(1_000) : random.below(12_000)
    if (kind === 'kill' || kind === 'power') {
      const machine = random.pick(machines)
      if (kind === 'power' && machine !== master && !await this.#whole()) return
      this.#note(`${kind} ${machine.host} for ${String(lastsMs)} ms`)
      machine.crash(kind)
      await pause(world.clock, lastsMs)
      await machine.start()
      this.#note(`${machine.host} is back`)
      return
    }
    const one = random.pick(hosts)
    const other = random.pick(hosts.filter(host => host !== one))
    if (kind === 'reset') {
      this.#note(`reset ${String(world.network.reset(one, other))} connections of ${one} and ${other}`)
      return
    }
    this.#note(`cut ${one} from ${other} for ${String(lastsMs)} ms`)
    world.network.cut(one, other)
    await pause(world.clock, lastsMs)
    world.network.heal(one, other)
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
