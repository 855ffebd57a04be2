import { LRUCache } from 'lru-cache'
import type { Clock } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { Network } from '../seams/network.ts'
import { dialLink, type Lane, type Role } from './handshake.ts'
import type { ClusterId } from './identifiers.ts'
import type { Link } from './link.ts'

const DIAL_MS = 3_000

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

  constructor(outside: { network: Network, clock: Clock, log: Log }, self: { role: Role, cluster: ClusterId }) {
    this.#outside = outside
    this.#self = self.role
    this.#cluster = self.cluster
  }

  /** @throws DfsError 'unreachable' and what else a handshake may refuse with */
  link(address: string, lane: Lane): Promise<Link> {
    const key = `${lane} ${address}`
    const known = this.#links.get(key)
    if (known !== undefined) return known
    const dialling = this.#dial(address, lane, key)
    this.#links.set(key, dialling)
    return dialling
  }

  async #dial(address: string, lane: Lane, key: string): Promise<Link> {
    try {
      const { link } = await dialLink(this.#outside.network, address,
        { role: this.#self, lane, expect: 'chunkserver', cluster: this.#cluster, timeoutMs: DIAL_MS }, this.#outside)
      link.onClose(() => { this.#links.delete(key) })
      return link
    } catch (error) {
      this.#links.delete(key)
      throw error
    }
  }

  /** Closes every connection. */
  close(): void {
    this.#links.clear()
  }
}
