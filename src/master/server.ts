import { chunkserverRegistryApi } from '../protocol/chunkserver-api.ts'
import { acceptLink } from '../protocol/handshake.ts'
import type { ChunkId, ClusterId } from '../protocol/identifiers.ts'
import type { Link } from '../protocol/link.ts'
import { masterApi } from '../protocol/master-api.ts'
import { repeat, takeTurns, type Repeated } from '../seams/background.ts'
import type { Seams } from '../seams/index.ts'
import type { Connection, Listener } from '../seams/network.ts'
import { OneByOne } from '../seams/one-by-one.ts'
import { noPauses, type Pauses } from '../seams/pauses.ts'
import { Balancer } from './balance/balancer.ts'
import { ANY_VERSION, Drops } from './chunks/drops.ts'
import { coreTable } from './chunks/core-table.ts'
import { Leases } from './chunks/leases.ts'
import { Leftovers } from './chunks/leftovers.ts'
import { Locations } from './chunks/locations.ts'
import { ChunkLocks } from './chunks/lock.ts'
import { mayPlace } from './chunks/offer.ts'
import type { ChunkParts } from './chunks/parts.ts'
import { Repair } from './chunks/repair.ts'
import { Reports } from './chunks/reports.ts'
import { chunkserverHandlers, type ChunkserverLink } from './chunkserver-handlers.ts'
import { clientHandlers } from './client-handlers.ts'
import { ClientLink } from './client-link.ts'
import { checkConfig, type MasterConfig } from './config.ts'
import { MasterCore } from './core.ts'
import { clusterIdentity } from './identity.ts'
import { PauseWatch } from './pause-watch.ts'
import { KnownServers } from './servers/known.ts'
import { Servers } from './servers/registry.ts'
import { Settling } from './servers/settling.ts'
import type { Copying } from './state/state-files.ts'
import type { StatusParts } from './status.ts'
import { expireTrash } from './trash.ts'

/** How often the trash is looked through for what has been there for its time, and what nobody holds is removed, in ms. */
const TRASH_MS = 1_000
/** What of its time the master spends on judging a backlog of chunks. */
const JUDGING_SHARE = 0.2
/** How often it is looked whether the master was held up, in ms. */
const PAUSES_MS = 1_000

export interface MasterOptions {
  seams: Seams
  config: MasterConfig
  /** A folder of the real file system for LMDB's files. */
  lmdbPath: string
  /** Of the program, for `dfs status`. */
  version: string
  /** How long the process was held up, where that can be known. */
  pauses?: Pauses
  /** How checkpoints are copied; the simulation wants it done in one step. */
  copying?: Copying
  /** A checkpoint is made after so much journal. */
  checkpointBytes?: number
}

/** A running master: the one authority for names, chunks and leases. It never touches a file's bytes. */
export class Master {
  readonly cluster: ClusterId
  readonly #seams: Seams
  readonly #parts: StatusParts
  readonly #known: KnownServers
  readonly #links = new Set<Link>()
  readonly #background: Repeated[] = []
  #listener: Listener | undefined

  /**
   * Recovers the state and listens.
   * @throws DfsError 'journal-failed' the journal is damaged, DialError the address cannot be had, DiskError
   */
  static async start(options: MasterOptions): Promise<Master> {
    const { seams, config, lmdbPath, copying, checkpointBytes } = options
    checkConfig(config)
    const cluster = await clusterIdentity(seams)
    const core = await MasterCore.open({
      disk: seams.disk, clock: seams.clock, log: seams.log, lmdbPath,
      config: { chunkSizeBytes: config.chunkSizeBytes, sessionTimeoutMs: config.sessionMs, trashMs: config.trashMs },
      ...(copying === undefined ? {} : { copying }), ...(checkpointBytes === undefined ? {} : { checkpointBytes }),
    })
    const master = new Master(options, cluster, core)
    try {
      await master.#listen()
    } catch (error) {
      await core.close()
      throw error
    }
    return master
  }

  private constructor({ seams, config, version, pauses = noPauses }: MasterOptions, cluster: ClusterId, core: MasterCore) {
    const { clock, log, random } = seams
    this.cluster = cluster
    this.#seams = seams
    this.#known = new KnownServers(seams.disk)
    const servers = new Servers({ clock, log, times: config })
    for (const server of this.#known.all()) servers.expect(server)
    for (const server of core.state.draining()) servers.setLeaving(server, true)
    const table = coreTable(core)
    const locations = new Locations(chunk => { repair.look(chunk) })
    const leases = new Leases({ clock, leaseMs: config.leaseMs })
    const drops = new Drops({ servers, log })
    const settling = new Settling({
      clock, servers, settleMs: config.settleMs, reportMs: config.staleMs, replicas: config.replicas,
    })
    const chunks: ChunkParts = {
      table, locations, leases, locks: new ChunkLocks(), drops, servers, settling, known: this.#known, clock, random, log, config,
    }
    const repair = new Repair(chunks)
    const reports = new Reports({ table, locations, leases, drops, clock, log })
    const balancer = new Balancer(chunks, repair)
    const leftovers = new Leftovers(chunks)
    repair.onLook((record, replicas) => { leftovers.look(record, replicas) })
    this.#parts = {
      core, chunks, known: this.#known, repair, leftovers, balancer, reports, cluster, version, startedMs: clock.nowMs(),
      pauses: new PauseWatch({ pauses, log }), listings: new OneByOne(clock),
    }
    core.onFreed(freed => { this.#freed(freed) })
    core.makeChunksWhile(() => mayPlace(chunks))
  }

  /** HOST:PORT. */
  get address(): string {
    return this.#listener?.address ?? ''
  }

  /** Calls `listener` when the journal has failed: nothing can be changed any more, and the process should end. */
  onFatal(listener: (error: Error) => void): void {
    this.#parts.core.onFatal(listener)
  }

  /** Stops serving; what was acknowledged stays. */
  async stop(): Promise<void> {
    const repaired = this.#parts.repair.stop()
    for (const task of this.#background) await task.stop()
    await this.#listener?.close()
    for (const link of this.#links) link.close('the master stops')
    this.#parts.balancer.stop()
    await Promise.all([repaired, this.#parts.leftovers.stop(), this.#parts.balancer.idle()])
    await this.#parts.core.close()
  }

  async #listen(): Promise<void> {
    const { network, clock, log } = this.#seams
    const { chunks, repair, leftovers, balancer, core, pauses } = this.#parts
    this.#listener = await network.listen(chunks.config.listen, connection => { void this.#accept(connection) })
    this.#background.push(
      repeat({ clock, log, everyMs: chunks.config.repairMs, name: 'repair' }, () => {
        repair.step()
        leftovers.step()
        // Not awaited: one slow chunkserver must not hold up the repair of what others have.
        void chunks.drops.step()
        return takeTurns(clock, () => repair.judgeMore(), { share: JUDGING_SHARE })
      }),
      repeat({ clock, log, everyMs: chunks.config.repairMs, name: 'balance' }, () => { balancer.step() }),
      repeat({ clock, log, everyMs: Math.max(50, chunks.config.sessionMs / 8), name: 'sessions' }, () => core.sessions.expire()),
      repeat({ clock, log, everyMs: PAUSES_MS, name: 'pauses' }, () => { pauses.step() }),
      repeat({ clock, log, everyMs: TRASH_MS, name: 'trash' }, () => {
        core.collect()
        return expireTrash(core, clock)
      }),
    )
  }

  async #accept(connection: Connection): Promise<void> {
    const { clock, log } = this.#seams
    const accepted = await acceptLink(connection, { role: 'master', cluster: this.cluster }, { clock, log })
    if (accepted === undefined) return
    const { link, role } = accepted
    this.#links.add(link)
    link.onClose(() => { this.#links.delete(link) })
    if (role === 'chunkserver') {
      const { chunks, reports } = this.#parts
      const from: ChunkserverLink = { link, server: undefined }
      link.serve(chunkserverRegistryApi, chunkserverHandlers({ chunks, reports, known: this.#known }), from)
    } else {
      link.serve(masterApi, clientHandlers(this.#parts), new ClientLink(link, this.#parts.core.changes))
    }
  }

  /** Chunks that no file has any more: their replicas go. */
  #freed(freed: readonly ChunkId[]): void {
    const { chunks: { locations, leases, drops }, repair } = this.#parts
    for (const chunk of freed) {
      leases.end(chunk)
      for (const { server } of locations.forget(chunk)) drops.add(server, chunk, ANY_VERSION)
      repair.forget(chunk)
    }
  }
}
