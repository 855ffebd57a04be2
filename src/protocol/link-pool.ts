import { LRUCache } from 'lru-cache'
import type { Clock } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { Network } from '../seams/network.ts'
import { DfsError } from './errors.ts'
import { dialLink, type Lane, type Role } from './handshake.ts'
import type { ClusterId } from './identifiers.ts'
import type { Link } from './link.ts'

const DIAL_MS = 3_000

/** Who did not answer in time is not asked again for this long: each try would cost as much time again. */
const SILENT_MS = 3_000

/** Peers that one process keeps connections to at the same time, twice over for the two lanes. */
const LINKS_MAX = 2_048

/** Connections to many chunkservers, dialled when first needed and again when one was lost. */
export class LinkPool {
  readonly #outside: { network: Network, clock: Clock, log: Log }
  readonly #self: Role
  readonly #cluster: ClusterId
  readonly #links = new LRUCache<string, Promise<Link>>({
    max: LINKS_MAX,
    dispose: link => { link.then(each => { each.close('not used lately') }, () => {}) },
  })

  /** Those that are ready to be used. */
  readonly #ready = new Map<string, Link>()

  /** Until when an address counts as silent. */
  readonly #silentUntilMs = new LRUCache<string, number>({ max: LINKS_MAX })

  constructor(outside: { network: Network, clock: Clock, log: Log }, self: { role: Role, cluster: ClusterId }) {
    this.#outside = outside
    this.#self = self.role
    this.#cluster = self.cluster
  }

  /** The connection where there is one already: whoever uses it need not wait, not even for a turn. */
  ready(address: string, lane: Lane): Link | undefined {
    const key = `${lane} ${address}`
    // Asked for, it counts as used: else the busiest would be the first to go when there are too many.
    return this.#links.get(key) === undefined ? undefined : this.#ready.get(key)
  }

  /** @throws DfsError 'unreachable' and what else a handshake may refuse with */
  link(address: string, lane: Lane): Promise<Link> {
    const key = `${lane} ${address}`
    const known = this.#links.get(key)
    if (known !== undefined) return known
    if ((this.#silentUntilMs.get(address) ?? 0) > this.#outside.clock.nowMs()) {
      return Promise.reject(new DfsError('unreachable', `${address} gave no sign of life just now`))
    }
    const dialling = this.#dial(address, lane, key)
    this.#links.set(key, dialling)
    return dialling
  }

  async #dial(address: string, lane: Lane, key: string): Promise<Link> {
    const startedMs = this.#outside.clock.nowMs()
    try {
      const { link } = await dialLink(this.#outside.network, address,
        { role: this.#self, lane, expect: 'chunkserver', cluster: this.#cluster, timeoutMs: DIAL_MS }, this.#outside)
      this.#ready.set(key, link)
      link.onClose(() => {
        this.#ready.delete(key)
        this.#links.delete(key)
        if (link.silent) this.#fellSilent(address)
      })
      return link
    } catch (error) {
      this.#links.delete(key)
      if (this.#outside.clock.nowMs() - startedMs >= DIAL_MS) this.#fellSilent(address)
      throw error
    }
  }

  /** What has fallen silent on one lane need not be found out again on the other, unless that one has just been heard. */
  #fellSilent(address: string): void {
    const nowMs = this.#outside.clock.nowMs()
    this.#silentUntilMs.set(address, nowMs + SILENT_MS)
    for (const lane of ['control', 'bulk'] as const) {
      this.#links.get(`${lane} ${address}`)?.then(link => {
        if (nowMs - link.heardMs > SILENT_MS) link.close('the other end has fallen silent')
      }, () => {})
    }
  }

  /** Closes every connection. */
  close(): void {
    this.#links.clear()
  }
}
