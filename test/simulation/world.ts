import assert from 'node:assert/strict'
import type { Clock, Timer } from '../../src/seams/clock.ts'
import { SimulatedNetwork } from './network.ts'
import { Turns } from './process.ts'
import { SeededRandom } from './random.ts'

interface Event {
  dueMs: number
  number: number
  run: () => void
  cancelled: boolean
}

/** Wall-clock time at the start of every world: 2026-01-01. */
const EPOCH_NS = 1_767_225_600_000_000_000n

/** Time, network and chance of one simulated cluster: everything that happens, happens in an order given by the seed. */
export class World {
  readonly seed: number
  readonly random: SeededRandom
  readonly clock: Clock
  readonly network: SimulatedNetwork
  readonly #events: Event[] = []
  readonly #turns = new Map<string, Turns>()
  #nowMs = 0
  #nextNumber = 1
  /** Events run so far. */
  steps = 0

  constructor(seed: number) {
    this.seed = seed
    this.random = new SeededRandom(seed)
    this.clock = {
      nowMs: () => this.#nowMs,
      wallNs: () => EPOCH_NS + BigInt(Math.round(this.#nowMs * 1_000)) * 1_000n,
      after: (delayMs, run) => this.#schedule(this.#nowMs + Math.max(0, delayMs), run),
    }
    this.network = new SimulatedNetwork({ clock: this.clock, random: this.random.fork(), turnsOf: host => this.turnsOf(host) })
  }

  /** Of the one process of a host. */
  turnsOf(host: string): Turns {
    const turns = this.#turns.get(host) ?? new Turns(this.clock)
    this.#turns.set(host, turns)
    return turns
  }

  /** A clock for the process of a host: once `dead`, its timers no longer run, and while it is stopped they wait. */
  clockOf(host: string, process: { dead: boolean }): Clock {
    const turns = this.turnsOf(host)
    return { ...turns.clock(), after: (delayMs, run) => this.clock.after(delayMs, () => { turns.take(() => { if (!process.dead) run() }) }) }
  }

  /** Runs event after event, each with all it wakes, until `done`; fails after `stepsMax`. */
  async run(done: () => boolean, { stepsMax, what }: { stepsMax: number, what: string }): Promise<void> {
    await settled()
    for (let step = 0; !done(); step++) {
      assert(step < stepsMax, `seed ${this.seed}: ${what}: not there after ${stepsMax} events, at ${this.#nowMs} ms`)
      const event = this.#take()
      assert(event !== undefined, `seed ${this.seed}: ${what}: nothing is left to happen at ${this.#nowMs} ms`)
      this.#nowMs = Math.max(this.#nowMs, event.dueMs)
      this.steps++
      event.run()
      await settled()
    }
  }

  /** Runs until the promise has settled, and gives what it gave. */
  async finish<Value>(promise: Promise<Value>, limits: { stepsMax: number, what: string }): Promise<Value> {
    let ended = false
    const end = (): void => { ended = true }
    promise.then(end, end)
    await this.run(() => ended, limits)
    return promise
  }

  #schedule(dueMs: number, run: () => void): Timer {
    const event: Event = { dueMs, number: this.#nextNumber++, run, cancelled: false }
    this.#push(event)
    return { cancel: () => { event.cancelled = true } }
  }

  // A binary heap by (dueMs, number): a tie never depends on the host.

  #push(event: Event): void {
    const heap = this.#events
    let at = heap.push(event) - 1
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || !before(event, parent)) break
      heap[at] = parent
      at = above
    }
    heap[at] = event
  }

  #take(): Event | undefined {
    for (;;) {
      const heap = this.#events
      const first = heap[0]
      const last = heap.pop()
      if (first === undefined || last === undefined) return undefined
      if (heap.length > 0) this.#sink(last)
      if (!first.cancelled) return first
    }
  }

  #sink(event: Event): void {
    const heap = this.#events
    for (let at = 0; ;) {
      let below = 2 * at + 1
      const left = heap[below]
      const right = heap[below + 1]
      if (left === undefined) { heap[at] = event; return }
      if (right !== undefined && before(right, left)) below++
      const child = heap[below]
      if (child === undefined || !before(child, event)) { heap[at] = event; return }
      heap[at] = child
      at = below
    }
  }
}

function before(one: Event, other: Event): boolean {
  return one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.number < other.number)
}

/** When everything that could go on without an event has. */
function settled(): Promise<void> {
  return new Promise(resolve => { setImmediate(resolve) })
}
