import type { Clock } from '../../seams/clock.ts'
import type { Servers } from './registry.ts'

/**
 * The time after a master's start in which chunkservers come back and report what they have. Until it is over nobody may
 * conclude that a replica is missing: whoever decides such things waits for {@link settled}.
 */
export class Settling {
  readonly #clock: Clock
  readonly #servers: Servers
  /** From here on servers that are not there are not waited for, from then on none. */
  readonly #endsAtMs: number
  readonly #lastMs: number
  readonly #replicas: number
  readonly #knewServers: boolean
  #over = false

  /** @param reportMs how long anybody waits for servers that are reporting */
  constructor({ clock, servers, settleMs, reportMs, replicas }: {
    clock: Clock, servers: Servers, settleMs: number, reportMs: number, replicas: number,
  }) {
    this.#clock = clock
    this.#servers = servers
    this.#endsAtMs = clock.nowMs() + settleMs
    this.#lastMs = this.#endsAtMs + reportMs
    this.#replicas = replicas
    this.#knewServers = servers.count > 0
  }

  get over(): boolean {
    this.#over ||= (this.#clock.nowMs() >= this.#endsAtMs && !this.#isReporting) || this.#isComplete()
    return this.#over
  }

  /** Resolves when the time is over, early when everybody is there. Whoever waits cannot do so for ever, and goes on in the end. */
  async settled(): Promise<void> {
    for (const untilMs of [this.#endsAtMs, this.#lastMs]) {
      if (!this.over) await this.#servers.until(() => this.over, untilMs - this.#clock.nowMs())
    }
  }

  /** Whether every server that ever was here is here and has reported: what nobody has then, nobody ever had. */
  get complete(): boolean {
    for (const server of this.#servers.all()) if (server.link === undefined || !server.reported) return false
    return this.#servers.count > 0
  }

  /** Whether some server is telling what it has, and still goes on: of a million replicas that takes a while. */
  get #isReporting(): boolean {
    for (const server of this.#servers.all()) {
      if (server.link !== undefined && !server.reported && this.#servers.stateOf(server) === 'live') return true
    }
    return false
  }

  #isComplete(): boolean {
    return this.complete && (this.#knewServers || this.#servers.count >= this.#replicas)
  }
}
