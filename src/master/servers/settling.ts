import type { Clock } from '../../seams/clock.ts'
import type { Servers } from './registry.ts'

/**
 * The time after a master's start in which chunkservers come back. Until it is over nobody may conclude that a replica is
 * missing: whoever decides such things waits for {@link settled}.
 */
export class Settling {
  readonly #clock: Clock
  readonly #servers: Servers
  readonly #endsAtMs: number
  readonly #replicas: number
  readonly #knewServers: boolean
  #over = false

  constructor({ clock, servers, settleMs, replicas }: {
    clock: Clock, servers: Servers, settleMs: number, replicas: number,
  }) {
    this.#clock = clock
    this.#servers = servers
    this.#endsAtMs = clock.nowMs() + settleMs
    this.#replicas = replicas
    this.#knewServers = servers.count > 0
  }

  get over(): boolean {
    this.#over ||= this.#clock.nowMs() >= this.#endsAtMs || this.#isComplete()
    return this.#over
  }

  /** Resolves when the time is over, early when everybody is there. */
  settled(): Promise<void> {
    return this.#servers.until(() => this.over, this.#endsAtMs - this.#clock.nowMs())
  }

  /** Whether every server that ever was here is here and has reported: what nobody has then, nobody ever had. */
  get complete(): boolean {
    for (const server of this.#servers.all()) if (server.link === undefined || !server.reported) return false
    return this.#servers.count > 0
  }

  #isComplete(): boolean {
    return this.complete && (this.#knewServers || this.#servers.count >= this.#replicas)
  }
}
