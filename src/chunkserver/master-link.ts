import { chunkserverRegistryApi } from '../protocol/chunkserver-api.ts'
import { asDfsError, DfsError, isError } from '../protocol/errors.ts'
import { dialLink, type Dialled as Reached } from '../protocol/handshake.ts'
import type { ClusterId, ServerId } from '../protocol/identifiers.ts'
import type { ReplicaReport } from '../protocol/chunks.ts'
import { limits } from '../protocol/limits.ts'
import type { Link } from '../protocol/link.ts'
import { Bell } from '../seams/bell.ts'
import { pause, type Clock } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { Network } from '../seams/network.ts'
import type { Changes } from './changes.ts'
import type { Timing } from './config.ts'
import type { Lease } from './primary/lease.ts'

/** What the master is told of this server. */
export interface Told {
  readonly self: { server: ServerId, address: string, rack: string, host: string, boot: string }
  readonly changes: Changes
  capacity(): { totalBytes: number, freeBytes: number }
  /** Calls being served. */
  load(): number
  diskFault(): Promise<string>
  /** Since this process began. */
  errors(): { corruptFound: number, diskFailures: number }
  replicas(): Iterable<ReplicaReport>
  /** Leases to ask more time for: not named again until they are used again. */
  takeRenewals(most: number): Lease[]
}

interface Outside { network: Network, clock: Clock, log: Log }

interface Options {
  masters: readonly string[]
  timing: Timing
  /** Offers what the master asks of a chunkserver. */
  serve(link: Link): void
}

/**
 * Dials each master once.
 * @returns undefined where none answers
 * @throws DfsError 'wrong-cluster' this folder has no business there
 */
export async function tryMasters(
  { network, clock, log }: Outside,
  { masters, timing, cluster }: { masters: readonly string[], timing: Timing, cluster: ClusterId | undefined },
): Promise<Reached | undefined> {
  for (const address of masters) {
    try {
      return await dialMaster({ network, clock, log }, address, { timing, cluster })
    } catch (error) {
      if (isError(error, 'wrong-cluster')) throw error
    }
  }
  return undefined
}

function dialMaster(
  { network, clock, log }: Outside, address: string, { timing, cluster }: { timing: Timing, cluster: ClusterId | undefined },
): Promise<Reached> {
  return dialLink(network, address,
    { role: 'chunkserver', lane: 'control', expect: 'master', cluster, timeoutMs: timing.masterMs }, { clock, log })
}

/** Dials the masters in turn until one answers. @returns undefined when `signal` ended it */
export async function reachMaster(
  { network, clock, log }: Outside,
  { masters, timing, cluster, signal }: {
    masters: readonly string[], timing: Timing, cluster: ClusterId | undefined, signal: AbortSignal,
  },
): Promise<Reached | undefined> {
  let waitMs = timing.reconnectMs.first
  let said = ''
  for (let turn = 0; !signal.aborted; turn++) {
    const address = masters[turn % masters.length] ?? ''
    try {
      return await dialMaster({ network, clock, log }, address, { timing, cluster })
    } catch (error) {
      const { code, message } = asDfsError(error)
      // Once for each reason: a master may be away for days.
      if (said !== message) log.warn({ master: address, code }, `no master yet, trying on: ${message}`)
      said = message
    }
    await pause(clock, waitMs, signal)
    waitMs = Math.min(waitMs * 2, timing.reconnectMs.most)
  }
  return undefined
}

/** Keeps the master informed: registers, reports all replicas, then sends heartbeats; for ever, over any lost connection. */
export class MasterLink {
  readonly #outside: Outside
  readonly #cluster: ClusterId
  readonly #told: Told
  readonly #options: Options
  readonly #stopping = new AbortController()
  /** There is something to tell, or the end has come. */
  readonly #news = new Bell()
  #running: Promise<void> = Promise.resolve()
  #link: Link | undefined

  constructor(outside: Outside, cluster: ClusterId, told: Told, options: Options) {
    this.#outside = outside
    this.#cluster = cluster
    this.#told = told
    this.#options = options
    told.changes.onNews(() => { this.#news.ring() })
  }

  /** @param first a connection that was made to learn the cluster */
  start(first?: Link): void {
    this.#running = this.#run(first)
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#news.ring()
    this.#link?.close('the chunkserver stops')
    await this.#running
  }

  async #run(first: Link | undefined): Promise<void> {
    const { signal } = this.#stopping
    const { timing, masters } = this.#options
    let waitMs = timing.reconnectMs.first
    let next = first
    while (!signal.aborted) {
      const link = next ?? (await reachMaster(this.#outside, { masters, timing, cluster: this.#cluster, signal }))?.link
      next = undefined
      if (link === undefined) return
      try {
        this.#link = link
        await this.#attend(link, () => { waitMs = timing.reconnectMs.first })
      } catch (error) {
        link.close('starting anew')
        const { code, message } = asDfsError(error)
        if (!this.#isStopping()) this.#outside.log.warn({ master: link.remote, code }, `lost the master: ${message}`)
      }
      await pause(this.#outside.clock, waitMs, signal)
      waitMs = Math.min(waitMs * 2, timing.reconnectMs.most)
    }
  }

  /** One connection, until it fails. */
  async #attend(link: Link, onRegistered: () => void): Promise<void> {
    const { self } = this.#told
    // 1. The master may ask at once, so be ready to answer first.
    this.#options.serve(link)
    const { reply } = await link.call(
      chunkserverRegistryApi.methods.register, { ...self, ...this.#capacity() }, this.#deadline())
    onRegistered()
    this.#outside.log.info({ master: link.remote, server: self.server }, 'registered with the master')
    // 2. News from before this point is in the full report; news that comes meanwhile is told after it.
    this.#told.changes.clear()
    await this.#reportAll(link)
    // 3. Heartbeats, until the connection fails.
    link.onClose(() => { this.#news.ring() })
    for (;;) {
      if (link.closed) throw new DfsError('unreachable', 'the connection was closed')
      await this.#heartbeat(link)
      if (this.#told.changes.size === 0) await this.#news.wait(this.#outside.clock, reply.heartbeatMs)
      // What comes in a burst is told together.
      if (this.#news.ringing) await pause(this.#outside.clock, this.#options.timing.gatherMs, this.#stopping.signal)
      this.#news.silence()
      if (this.#isStopping()) return
    }
  }

  #isStopping(): boolean {
    return this.#stopping.signal.aborted
  }

  async #reportAll(link: Link): Promise<void> {
    let page: ReplicaReport[] = []
    let first = true
    const send = async (last: boolean): Promise<void> => {
      const replicas = page
      page = []
      await link.call(chunkserverRegistryApi.methods.report, { replicas, first, last }, this.#deadline())
      first = false
    }
    for (const replica of this.#told.replicas()) {
      page.push(replica)
      if (page.length >= limits.reportPageMax) await send(false)
    }
    await send(true)
  }

  async #heartbeat(link: Link): Promise<void> {
    const { clock } = this.#outside
    const askedMs = clock.nowMs()
    const diskFault = await this.#told.diskFault()
    // Whatever gets lost with the connection is in the full report after the next one.
    const { changed, gone } = this.#told.changes.take()
    const leases = this.#told.takeRenewals(limits.reportPageMax)
    const { reply } = await link.call(chunkserverRegistryApi.methods.heartbeat, {
      ...this.#capacity(), load: this.#told.load(), diskFault, ...this.#told.errors(), changed, gone,
      renew: leases.map(({ terms: { chunk, version } }) => ({ chunk, version })),
    }, this.#deadline())
    const renewed = new Set(reply.renewed)
    // From when it was asked for: the master counts from a later moment, so it never believes a lease over before we do.
    for (const lease of leases) if (renewed.has(lease.terms.chunk)) lease.renew(askedMs)
  }

  #capacity(): { totalBytes: number, freeBytes: number } {
    return this.#told.capacity()
  }

  #deadline(): { deadlineMs: number } {
    return { deadlineMs: this.#options.timing.masterMs }
  }
}
