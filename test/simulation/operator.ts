import assert from 'node:assert/strict'
import { pause } from '../../src/seams/clock.ts'
import type { SimulatedCluster } from './cluster.ts'
import { SeededRandom } from './random.ts'

/** Share of the runs in which somebody operates the cluster. */
const SHARE = 0.3
/** How long the cluster has to empty a server once nobody hurts it any more, in ms. */
const EMPTY_WITHIN_MS = 60_000

/** Of each server, when somebody balances: so small that a few chunks make a difference. */
const CAPACITY_BYTES = 32 * 2 ** 20
const THRESHOLD = 0.01
/** Balancing goes by whole chunks, and by what servers told of their disks a moment ago. */
const THRESHOLD_SLACK = 0.005

/**
 * Somebody who evens out how full the servers are, and takes servers out of the cluster and back in while it is at work. One server of four can go: the others have
 * to end with everything that it had.
 */
export class Operator {
  readonly #cluster: SimulatedCluster
  readonly #random: SeededRandom
  readonly #stopping = new AbortController()
  readonly #isAtWork: boolean
  /** What was done, newest last. */
  readonly done: string[] = []

  /** @param seed its own chance, so that runs without an operator are what they are */
  constructor(cluster: SimulatedCluster, { seed, isAllowed }: { seed: number, isAllowed: boolean }) {
    this.#cluster = cluster
    this.#random = new SeededRandom(seed)
    this.#isAtWork = this.#random.chance(SHARE) && isAllowed && cluster.servers.length > 3
    if (this.#isAtWork) for (const server of cluster.servers) server.capacityBytes = CAPACITY_BYTES
  }

  /** Goes on until `stop`; what it has begun by then comes to its end. */
  async run(): Promise<void> {
    const { clock } = this.#cluster.world
    while (this.#isAtWork) {
      await pause(clock, 500 + this.#random.below(6_000), this.#stopping.signal)
      if (this.#stopping.signal.aborted) return
      if (this.#random.chance(0.5)) await this.#drain()
      else await this.#balance()
    }
  }

  stop(): void {
    this.#stopping.abort()
  }

  async #drain(): Promise<void> {
    const { clients: [first], servers, world: { clock } } = this.#cluster
    const machine = this.#random.pick(servers)
    if (first === undefined || !machine.running) return
    const { admin } = first.client
    const { id } = machine.server
    try {
      await admin.drain([id], { cancel: false })
    } catch (error) {
      // With a server away the others cannot hold all.
      this.#note(`draining ${machine.host} was refused: ${String(error)}`)
      return
    }
    this.#note(`draining ${machine.host}`)
    const cancelAtMs = clock.nowMs() + (this.#random.chance(0.3) ? this.#random.below(5_000) : Infinity)
    let deadlineMs = Infinity
    for (;;) {
      // Faults end when the run does; from then on it must succeed.
      if (this.#stopping.signal.aborted) deadlineMs = Math.min(deadlineMs, clock.nowMs() + EMPTY_WITHIN_MS)
      const found = (await admin.chunkservers()).servers.find(({ server }) => server === id)
      assert(found?.draining, `${machine.host} is still being drained, whatever happened to the master`)
      if (found.empty && found.state === 'live') { this.#note(`${machine.host} is empty`); break }
      if (clock.nowMs() > cancelAtMs) { this.#note(`${machine.host} stays`); break }
      assert(clock.nowMs() < deadlineMs, `${machine.host} has ${String(found.replicas)} replicas and does not lose them`)
      await pause(clock, 500)
    }
    await admin.drain([id], { cancel: true })
  }

  async #balance(): Promise<void> {
    const { clients: [first], world: { clock } } = this.#cluster
    if (first === undefined) return
    const { admin } = first.client
    const order = { threshold: THRESHOLD, rateBytes: this.#random.pick([0, 2 ** 20]) }
    await admin.startBalance(order)
    this.#note('balancing')
    const stopAtMs = clock.nowMs() + (this.#random.chance(0.3) ? this.#random.below(5_000) : Infinity)
    let deadlineMs = Infinity
    for (;;) {
      await pause(clock, 500)
      const isQuiet = this.#stopping.signal.aborted
      if (isQuiet) deadlineMs = Math.min(deadlineMs, clock.nowMs() + EMPTY_WITHIN_MS)
      const { state, servers, mean, movedChunks, leftBytes } = clock.nowMs() < stopAtMs ? await admin.balance() : await admin.stopBalance()
      if (state !== 'running') {
        this.#note(`balancing ended: ${state}, moved ${String(movedChunks)}`)
        if (!isQuiet || state !== 'balanced') return
        const off = servers.find(({ share, takesPart }) => takesPart && Math.abs(share - mean) >= THRESHOLD + THRESHOLD_SLACK)
        if (off === undefined) return
        assert(clock.nowMs() < deadlineMs, `${off.address} is not balanced: ${String(off.share)}`)
        // A server that came back just then counts only now.
        await admin.startBalance(order)
        continue
      }
      assert(clock.nowMs() < deadlineMs, `${String(leftBytes)} bytes are left to balance, and nothing moves`)
    }
  }

  #note(what: string): void {
    this.done.push(`${this.#cluster.world.clock.nowMs().toFixed(0)} ms: ${what}`)
  }
}
