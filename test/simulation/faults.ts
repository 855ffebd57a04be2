import { pause } from '../../src/seams/clock.ts'
import type { SimulatedCluster } from './cluster.ts'
import type { SeededRandom } from './random.ts'

export const faultKinds = ['kill', 'power', 'cut', 'reset'] as const
export type FaultKind = (typeof faultKinds)[number]

/** Hurts a cluster at random, one machine or one way at a time, and heals it before the next blow. */
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
    const { world, machines, hosts } = this.#cluster
    const random = this.#random
    const lastsMs = random.chance(0.7) ? random.below(1_000) : random.below(12_000)
    if (kind === 'kill' || kind === 'power') {
      const machine = random.pick(machines)
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

  #note(what: string): void {
    this.done.push(`${this.#cluster.world.clock.nowMs().toFixed(0)} ms: ${what}`)
  }
}
