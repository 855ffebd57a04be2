import { MessageKind } from '../../src/protocol/wire.ts'
import type { Clock } from '../../src/seams/clock.ts'
import { DialError, type Connection, type Listener, type Network } from '../../src/seams/network.ts'
import type { Turns } from './process.ts'
import type { SeededRandom } from './random.ts'

/** How long one way takes, in ms, without faults. */
const LATENCY_MS = 0.1

/** How long a connection survives with nothing coming through, as TCP's timeouts would have it. */
const SILENCE_MS_MAX = 15_000

/** The share of the answers that are lost on a way that loses answers. */
const LOST_ANSWERS = 0.2

/**
 * A network in memory between named hosts. Messages of one connection arrive in order; those of different connections
 * in any order. Hosts can be cut off from one another, both ways or one: messages then wait, and the connection breaks if it
 * lasts. Connections can break just where an answer would arrive. Ways can be slow, and hosts can have stopped.
 */
export class SimulatedNetwork {
  readonly #clock: Clock
  readonly #random: SeededRandom
  readonly #listeners = new Map<string, { host: string, accept: (connection: Connection) => void }>()
  readonly #ends = new Set<End>()
  /** Ways, from a host to another, on which nothing passes. */
  readonly #cuts = new Set<string>()
  /** Extra delay, in ms, drawn up to this, by way. */
  readonly #slow = new Map<string, number>()
  /** Ways on which connections break at an answer. */
  readonly #unanswered = new Set<string>()
  readonly #turnsOf: (host: string) => Turns
  #nextPort = 1
  /** Extra delay of a message, in ms, drawn up to this. */
  jitterMs = 0.2
  /** Messages delivered so far. */
  delivered = 0

  constructor({ clock, random, turnsOf }: { clock: Clock, random: SeededRandom, turnsOf: (host: string) => Turns }) {
    this.#clock = clock
    this.#random = random
    this.#turnsOf = turnsOf
  }

  /** The network as the host sees it; it listens at `HOST:PORT` with its own name as HOST. */
  forHost(host: string): Network {
    return {
      dial: (address, timeoutMs) => this.#dial(host, address, timeoutMs),
      listen: (address, accept) => Promise.resolve(this.#listen(host, address, accept)),
    }
  }

  /** Nothing passes between the two, or only from the other to the one, until {@link heal}. */
  cut(one: string, other: string, ways: 'both' | 'there' = 'both'): void {
    this.#cuts.add(wayKey(one, other))
    if (ways === 'both') this.#cuts.add(wayKey(other, one))
  }

  /** Messages between the two take up to `delayMs` longer, each its own time, though those of one connection keep their order. */
  slow(one: string, other: string, delayMs: number): void {
    this.#slow.set(wayKey(one, other), delayMs).set(wayKey(other, one), delayMs)
  }

  /** Some answers between the two are lost, and their connection with them: what was asked has been done by then. */
  loseAnswers(one: string, other: string): void {
    this.#unanswered.add(wayKey(one, other)).add(wayKey(other, one))
  }

  /** All is well between the two, or everywhere. */
  heal(one?: string, other?: string): void {
    for (const faults of [this.#cuts, this.#slow, this.#unanswered]) {
      if (one === undefined || other === undefined) faults.clear()
      else for (const way of [wayKey(one, other), wayKey(other, one)]) faults.delete(way)
    }
    for (const end of this.#ends) end.deliverWaiting()
  }

  /** Whether nothing passes from the one to the other. */
  isCut(one: string, other: string): boolean {
    return this.#cuts.has(wayKey(one, other))
  }

  /** Whether something is amiss in either direction: what is sent is then not confirmed. */
  isAmiss(one: string, other: string): boolean {
    return this.isCut(one, other) || this.isCut(other, one)
  }

  /** Whether this message from the one to the other is an answer that is lost. */
  isLostAnswer(one: string, other: string, message: Buffer): boolean {
    return this.#unanswered.has(wayKey(one, other)) && isAnswer(message) && this.#random.chance(LOST_ANSWERS)
  }

  turnsOf(host: string): Turns {
    return this.#turnsOf(host)
  }

  /** Breaks connections between the two hosts; new ones can be made at once. @returns how many there were */
  reset(one: string, other: string): number {
    const broken = [...this.#ends].filter(end => end.host === one && end.otherHost === other)
    for (const end of broken) end.break('connection reset')
    return broken.length
  }

  /** A process died: its listeners are gone and its connections broken. It hears nothing of it any more. */
  kill(host: string): void {
    for (const [address, listener] of this.#listeners) {
      if (listener.host === host) this.#listeners.delete(address)
    }
    for (const end of [...this.#ends]) {
      if (end.host === host) end.die()
    }
  }

  #listen(host: string, address: string, accept: (connection: Connection) => void): Listener {
    const asked = Number(address.slice(address.lastIndexOf(':') + 1))
    const bound = `${host}:${String(asked === 0 ? this.#nextPort++ : asked)}`
    if (this.#listeners.has(bound)) throw new DialError('EADDRINUSE', `${bound}: address already in use`)
    this.#listeners.set(bound, { host, accept })
    return {
      address: bound,
      close: () => {
        this.#listeners.delete(bound)
        for (const end of [...this.#ends]) {
          if (end.acceptedAt === bound) end.close('listener closed')
        }
        return Promise.resolve()
      },
    }
  }

  #dial(host: string, address: string, timeoutMs: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const target = address.slice(0, address.lastIndexOf(':'))
      if (this.isAmiss(host, target)) {
        this.#turnsOf(host).clock().after(timeoutMs, () => { reject(new DialError('ETIMEDOUT', `${address}: timed out`)) })
        return
      }
      this.#clock.after(this.delayMs(host, target) + this.delayMs(target, host), () => {
        const listener = this.#listeners.get(address)
        if (listener === undefined) {
          this.#turnsOf(host).take(() => { reject(new DialError('ECONNREFUSED', `${address}: connection refused`)) })
          return
        }
        const near = new End(this, this.#clock, host, listener.host)
        const far = new End(this, this.#clock, listener.host, host)
        near.join(far)
        far.acceptedAt = address
        this.#ends.add(near).add(far)
        // The kernel takes the connection, whatever the process does.
        this.#turnsOf(listener.host).take(() => { if (far.open) listener.accept(far) })
        this.#turnsOf(host).take(() => { resolve(near) })
      })
    })
  }

  delayMs(from: string, to: string): number {
    return LATENCY_MS + this.#random.fraction() * (this.jitterMs + (this.#slow.get(wayKey(from, to)) ?? 0))
  }

  forget(end: End): void {
    this.#ends.delete(end)
  }
}

class End implements Connection {
  readonly host: string
  readonly otherHost: string
  acceptedAt = ''
  readonly #network: SimulatedNetwork
  readonly #clock: Clock
  #other: End | undefined
  /** Sent to us and not delivered. */
  readonly #inbox: { dueMs: number, bytes: Buffer }[] = []
  #lastDueMs = 0
  #open = true
  #reading = true
  onMessage: (message: Buffer) => void = () => {}
  onClose: (reason: string) => void = () => {}

  constructor(network: SimulatedNetwork, clock: Clock, host: string, otherHost: string) {
    this.#network = network
    this.#clock = clock
    this.host = host
    this.otherHost = otherHost
  }

  join(other: End): void {
    this.#other = other
    other.#other = this
  }

  get open(): boolean {
    return this.#open
  }

  get remote(): string {
    return this.otherHost
  }

  get waitingBytes(): number {
    return this.#other === undefined ? 0 : this.#other.#inbox.reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  send(parts: readonly Uint8Array[], left?: () => void): void {
    const other = this.#other
    if (!this.#open || other === undefined) return
    const dueMs = Math.max(other.#lastDueMs, this.#clock.nowMs() + this.#network.delayMs(this.host, this.otherHost))
    other.#lastDueMs = dueMs
    other.#inbox.push({ dueMs, bytes: Buffer.concat(parts) })
    left?.()
    this.#clock.after(dueMs - this.#clock.nowMs(), () => { other.deliverWaiting() })
    if (this.#network.isAmiss(this.host, this.otherHost)) {
      this.#clock.after(SILENCE_MS_MAX, () => {
        if (this.#network.isAmiss(this.host, this.otherHost)) this.break('connection timed out')
      })
    }
  }

  /** Hands over what is due, unless the way is cut. */
  deliverWaiting(): void {
    if (!this.#open || !this.#reading || this.#network.isCut(this.otherHost, this.host)) return
    const next = this.#inbox[0]
    if (next === undefined || next.dueMs > this.#clock.nowMs()) return
    const turns = this.#network.turnsOf(this.host)
    if (turns.stopped) {
      turns.take(() => { this.deliverWaiting() })
      return
    }
    this.#inbox.shift()
    if (this.#network.isLostAnswer(this.otherHost, this.host, next.bytes)) {
      this.break('connection reset at an answer')
      return
    }
    this.#network.delivered++
    // Each message in an event of its own, as from a socket: what it wakes runs before the next arrives.
    if (this.#inbox.length > 0) this.#clock.after(0, () => { this.deliverWaiting() })
    this.onMessage(next.bytes)
  }

  writable(): undefined {
    return undefined
  }

  /** What was sent before still arrives. */
  close(reason: string): void {
    if (!this.#open) return
    const other = this.#other
    this.#end(reason)
    if (other === undefined) return
    const arrivesMs = Math.max(other.#lastDueMs, this.#clock.nowMs() + this.#network.delayMs(this.host, this.otherHost))
    this.#clock.after(arrivesMs - this.#clock.nowMs(), () => {
      this.#network.turnsOf(other.host).take(() => {
        if (!this.#network.isCut(this.host, this.otherHost)) {
          for (const { bytes } of other.#inbox.splice(0)) other.onMessage(bytes)
        }
        other.#end(reason)
      })
    })
  }

  /** Ends both ends: this one now, the other when word has reached it. */
  break(reason: string): void {
    if (!this.#open) return
    const other = this.#other
    this.#end(reason)
    if (other !== undefined) this.#clock.after(this.#network.delayMs(this.host, this.otherHost), () => { other.#end(reason) })
  }

  /** The process at this end is gone and hears nothing more. */
  die(): void {
    this.onClose = () => {}
    this.break('connection reset by peer')
  }

  #end(reason: string): void {
    if (!this.#open) return
    this.#open = false
    this.#network.forget(this)
    this.#inbox.length = 0
    this.#network.turnsOf(this.host).take(() => { this.onClose(reason) })
  }

  pauseReading(): void {
    this.#reading = false
  }

  resumeReading(): void {
    this.#reading = true
    this.deliverWaiting()
  }
}

function isAnswer(message: Buffer): boolean {
  const kind = message[0]
  return kind === MessageKind.reply || kind === MessageKind.failure
}

function wayKey(from: string, to: string): string {
  return `${from} ${to}`
}
