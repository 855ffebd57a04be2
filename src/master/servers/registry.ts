import type { RequestOf } from '../../protocol/api.ts'
import type { ServerAddress } from '../../protocol/chunks.ts'
import type { chunkserverRegistryApi } from '../../protocol/chunkserver-api.ts'
import { DfsError } from '../../protocol/errors.ts'
import type { ServerId } from '../../protocol/identifiers.ts'
import type { Link } from '../../protocol/link.ts'
import type { Clock } from '../../seams/clock.ts'
import type { Log } from '../../seams/log.ts'
import { Server, type ServerState } from './server.ts'

type Registration = RequestOf<typeof chunkserverRegistryApi.methods.register>
type Heartbeat = RequestOf<typeof chunkserverRegistryApi.methods.heartbeat>

interface Times {
  heartbeatMs: number
  staleMs: number
  deadMs: number
}

/** How long a server that a client could not reach is used last, in ms. */
const AVOID_MS = 10_000

/** All chunkservers the cluster has ever seen, and how each is. */
export class Servers {
  readonly #clock: Clock
  readonly #log: Log
  readonly #times: Times
  readonly #servers = new Map<ServerId, Server>()
  readonly #waiting = new Set<() => void>()
  readonly #states = new Map<ServerId, ServerState>()
  readonly #leaving = new Set<ServerId>()

  constructor({ clock, log, times }: { clock: Clock, log: Log, times: Times }) {
    this.#clock = clock
    this.#log = log
    this.#times = times
  }

  /** A server that earlier runs of the master knew: it counts as just lost, so that it has time to come back. */
  expect(known: ServerAddress): void {
    const server = new Server(known, this.#clock.nowMs())
    this.#servers.set(server.id, server)
    this.#states.set(server.id, 'live')
  }

  /**
   * A server is there, for the first time or again.
   * @throws DfsError 'invalid' another running server has its id
   */
  register(request: Registration, link: Link): Server {
    const nowMs = this.#clock.nowMs()
    const known = this.#servers.get(request.server)
    const old = known?.link
    if (known !== undefined && old !== undefined && old !== link) {
      // Two processes cannot listen on one address: a second connection from there is a process that came again, or
      // its attempt to replace a broken connection. From another address it is a copied data folder.
      const silentMs = nowMs - known.lastHeardMs
      if (known.address !== request.address && silentMs < 3 * this.#times.heartbeatMs) {
        throw new DfsError('invalid', `a chunkserver with the id ${request.server} is running at ${known.address}: `
          + `was the data folder of ${request.address} copied from there?`)
      }
      old.close('the chunkserver has registered on another connection')
    }
    const server = known ?? new Server(request, nowMs)
    server.address = request.address
    server.rack = request.rack
    server.host = request.host
    server.totalBytes = request.totalBytes
    server.freeBytes = request.freeBytes
    server.spaceToldMs = nowMs
    server.lastHeardMs = nowMs
    server.avoidUntilMs = 0
    server.diskFault = ''
    server.reported = false
    server.lostPower ||= server.boot !== undefined && server.boot !== request.boot
    server.boot = request.boot
    server.attach(link)
    this.#servers.set(server.id, server)
    link.onClose(reason => { this.#lost(server, link, reason) })
    this.#log.info({ server: server.id, address: server.address, rack: server.rack }, 'a chunkserver has registered')
    this.wake()
    return server
  }

  heard(server: Server, heartbeat: Heartbeat): void {
    server.lastHeardMs = this.#clock.nowMs()
    server.totalBytes = heartbeat.totalBytes
    server.freeBytes = heartbeat.freeBytes
    server.spaceToldMs = server.lastHeardMs
    server.load = heartbeat.load
    server.corruptFound = heartbeat.corruptFound
    server.diskFailures = heartbeat.diskFailures
    server.recentlyPlaced = 0
    if (server.diskFault !== heartbeat.diskFault) {
      this.#log.warn({ server: server.id, diskFault: heartbeat.diskFault },
        heartbeat.diskFault === '' ? 'the disk of a chunkserver works again' : 'the disk of a chunkserver takes no writes')
      server.diskFault = heartbeat.diskFault
    }
  }

  /** @param leaving whether the server is to lose all that it has, and gets nothing new */
  setLeaving(id: ServerId, leaving: boolean): void {
    if (leaving) this.#leaving.add(id)
    else this.#leaving.delete(id)
  }

  isLeaving(id: ServerId): boolean {
    return this.#leaving.has(id)
  }

  /** Forgets a server that will not come back. */
  remove(id: ServerId): void {
    this.#servers.delete(id)
    this.#states.delete(id)
    this.#leaving.delete(id)
    this.wake()
  }

  get(id: ServerId): Server | undefined {
    return this.#servers.get(id)
  }

  all(): Iterable<Server> {
    return this.#servers.values()
  }

  get count(): number {
    return this.#servers.size
  }

  stateOf(server: Server): ServerState {
    const silentMs = this.#clock.nowMs() - server.lastHeardMs
    if (silentMs >= this.#times.deadMs) return 'dead'
    return silentMs >= this.#times.staleMs ? 'stale' : 'live'
  }

  /** A client could not reach it: for a while it is used last, and we find out whether it is gone for us as well. */
  doubt(server: Server | undefined): void {
    if (server === undefined) return
    server.avoidUntilMs = this.#clock.nowMs() + AVOID_MS
    server.link?.probe()
  }

  /** Whether clients could reach it lately. */
  isDoubted(server: Server): boolean {
    return server.avoidUntilMs > this.#clock.nowMs()
  }

  /** What people are told: one without a connection is not live. */
  shownStateOf(server: Server): ServerState {
    const state = this.stateOf(server)
    return state === 'live' && server.link === undefined ? 'stale' : state
  }

  /** Whether it answers now, as far as we know. */
  isReachable(server: Server): boolean {
    return server.link !== undefined && this.stateOf(server) === 'live'
  }

  /** Servers whose state has changed since the last call. */
  takeChanged(): Server[] {
    const changed: Server[] = []
    for (const server of this.#servers.values()) {
      const state = this.stateOf(server)
      if (this.#states.get(server.id) === state) continue
      this.#states.set(server.id, state)
      changed.push(server)
      const facts = { server: server.id, address: server.address, state }
      if (state === 'live') this.#log.info(facts, 'a chunkserver is live')
      else this.#log.warn(facts, `a chunkserver is ${state}: nothing was heard of it for long`)
    }
    return changed
  }

  /** Waits until `condition` holds, looking whenever a server came, reported or was lost, but at most `forMs`. */
  until(condition: () => boolean, forMs: number): Promise<void> {
    if (condition() || forMs <= 0) return Promise.resolve()
    return new Promise(resolve => {
      const look = (): void => {
        if (!condition()) return
        done()
      }
      const done = (): void => {
        timer.cancel()
        this.#waiting.delete(look)
        resolve()
      }
      const timer = this.#clock.after(forMs, done)
      this.#waiting.add(look)
    })
  }

  /** Something changed that somebody may wait for. */
  wake(): void {
    for (const look of [...this.#waiting]) look()
  }

  #lost(server: Server, link: Link, reason: string): void {
    // A connection that was replaced is no loss.
    if (server.link !== undefined && server.link !== link) return
    server.lostMs = this.#clock.nowMs()
    this.#log.warn({ server: server.id, address: server.address, reason }, 'the connection to a chunkserver is lost')
    this.wake()
  }
}
