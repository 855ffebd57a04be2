import { acceptLink } from '../protocol/handshake.ts'
import { chunkControlApi, chunkserverAdminApi, chunkserverApi, chunkserverPeerApi } from '../protocol/chunkserver-api.ts'
import { asDfsError, DfsError } from '../protocol/errors.ts'
import type { ClusterId, ServerId } from '../protocol/identifiers.ts'
import { LinkPool } from '../protocol/link-pool.ts'
import type { Link } from '../protocol/link.ts'
import { repeat, type Repeated } from '../seams/background.ts'
import type { Seams } from '../seams/index.ts'
import type { Connection, Listener } from '../seams/network.ts'
import { listenAgain } from './address.ts'
import { capacityWithin } from './capacity.ts'
import { Changes } from './changes.ts'
import { defaultTiming, type ChunkServerConfig, type Timing } from './config.ts'
import { DiskHealth } from './disk-health.ts'
import { adminHandlers, Calls, clientHandlers, controlHandlers, peerHandlers } from './handlers.ts'
import { MasterLink, reachMaster, tryMasters } from './master-link.ts'
import type { Parts } from './parts.ts'
import { HeldPushes } from './pipeline/held.ts'
import { LocalChunks } from './primary/local-chunk.ts'
import { defaultScrub, Scrubber } from './scrub/scrubber.ts'
import { openIdentity } from './store/identity.ts'
import { ReplicaStore } from './store/store.ts'

/** How long a clean stop waits for calls under way, in ms. */
const FINISH_MS = 10_000

/** One chunkserver: replicas on a disk, served to clients, to other chunkservers and to the master. */
export class ChunkServer {
  readonly #seams: Seams
  readonly #config: ChunkServerConfig
  readonly #timing: Timing
  readonly #changes = new Changes()
  readonly #calls = new Calls()
  readonly #links = new Set<Link>()
  readonly #stopping = new AbortController()
  readonly #background: Repeated[] = []
  #listener: Listener | undefined
  #cluster: ClusterId | undefined
  #parts: Parts | undefined
  #masterLink: MasterLink | undefined
  /** Replicas that turned out to be corrupt. */
  #corruptFound = 0

  private constructor({ seams, config }: { seams: Seams, config: ChunkServerConfig }) {
    this.#seams = seams
    this.#config = config
    this.#timing = { ...defaultTiming, ...config.timing }
  }

  /**
   * Starts serving. In a folder that belongs to no cluster yet it first waits for a master to join; else it resolves
   * whether or not a master is there.
   * @throws DialError the address is taken, DfsError 'wrong-cluster', DiskError
   */
  static async start(options: { seams: Seams, config: ChunkServerConfig }): Promise<ChunkServer> {
    const server = new ChunkServer(options)
    try {
      await server.#start()
      return server
    } catch (error) {
      await server.stop()
      throw error
    }
  }

  /** HOST:PORT that others reach it at. */
  get address(): string {
    return this.#config.advertise ?? this.#listener?.address ?? this.#config.listen
  }

  get id(): ServerId {
    return this.#running.self
  }

  /** For tests and tools that look at the replicas. */
  get store(): ReplicaStore {
    return this.#running.store
  }

  get #running(): Parts {
    if (this.#parts === undefined) throw new DfsError('internal', 'the chunkserver has not started')
    return this.#parts
  }

  async #start(): Promise<void> {
    const { disk, network, clock, log, random } = this.#seams
    // 1. The address first: a port that is taken should be said at once.
    this.#listener = await listenAgain({ network, disk }, this.#config.listen, connection => { void this.#accept(connection) })
    // 2. Who we are, and of which cluster.
    const identity = await openIdentity({ disk, random })
    const asked = { masters: this.#config.masters, timing: this.#timing, cluster: identity.cluster }
    const reached = identity.cluster === undefined
      ? await reachMaster({ network, clock, log }, { ...asked, signal: this.#stopping.signal })
      : await tryMasters({ network, clock, log }, asked)
    if (reached !== undefined) await identity.join(reached.cluster)
    const cluster = identity.cluster
    if (cluster === undefined) throw new DfsError('shutting-down', 'stopped before a master was reached')
    // 3. What is on the disk, then whoever asks for it.
    const store = await ReplicaStore.open({ disk, log, clock })
    const parts: Parts = {
      self: identity.server, store, clock, log, timing: this.#timing,
      health: new DiskHealth({ disk, log }),
      chunks: new LocalChunks({ clock, waitMs: this.#timing.applyMs }),
      held: new HeldPushes({ clock, heldMs: this.#timing.heldMs, roomMs: this.#timing.roomMs }),
      links: new LinkPool({ network, clock, log }, { role: 'chunkserver', cluster }),
      scrubber: new Scrubber(
        { disk, clock, log, store, load: () => this.#calls.running }, { ...defaultScrub, ...this.#config.scrub }),
    }
    this.#parts = parts
    this.#cluster = cluster
    log.info({ server: identity.server, cluster, replicas: store.size }, 'opened the data folder')
    // 4. The master, for as long as we live.
    store.onChange(news => {
      if ('gone' in news) this.#changes.gone(news.gone)
      else this.#changes.replica(news)
      if ('state' in news && news.state === 'corrupt') this.#corruptFound++
    })
    this.#masterLink = this.#linkToMaster(cluster, parts)
    this.#masterLink.start(reached?.link)
    // 5. What has to be done now and then.
    parts.scrubber.start()
    const every = { clock, log, everyMs: this.#timing.cleanMs }
    this.#background.push(
      repeat({ ...every, name: 'making idle replicas clean' }, async () => { await store.clean() }),
      repeat({ ...every, name: 'forgetting what nobody uses' }, () => {
        parts.held.expire()
        parts.chunks.forgetIdle()
      }),
    )
  }

  #linkToMaster(cluster: ClusterId, parts: Parts): MasterLink {
    const { disk, network, clock, log } = this.#seams
    const { rack, host, masters } = this.#config
    return new MasterLink({ network, clock, log }, cluster, {
      self: { server: parts.self, address: this.address, rack, host, boot: disk.bootId() },
      changes: this.#changes,
      capacity: () => capacityWithin(this.#config.capacityBytes, disk.capacity(), parts.store.sizeBytes),
      load: () => this.#calls.running,
      diskFault: async () => {
        await parts.health.probe()
        return parts.health.fault
      },
      errors: () => ({ corruptFound: this.#corruptFound, diskFailures: parts.health.failures }),
      replicas: () => parts.store.reports(),
      takeRenewals: most => parts.chunks.takeRenewals(most),
    }, {
      masters, timing: this.#timing,
      serve: link => { link.serve(chunkControlApi, this.#calls.counted(controlHandlers), parts) },
    })
  }

  async #accept(connection: Connection): Promise<void> {
    const { clock, log } = this.#seams
    const parts = this.#parts
    const cluster = this.#cluster
    if (parts === undefined || cluster === undefined) {
      connection.close('this chunkserver has not started yet')
      return
    }
    try {
      const accepted = await acceptLink(connection, { role: 'chunkserver', cluster }, { clock, log })
      if (accepted === undefined) return
      const { link } = accepted
      link.serve(chunkserverApi, this.#calls.counted(clientHandlers), parts)
      link.serve(chunkserverAdminApi, this.#calls.counted(adminHandlers), parts)
      link.serve(chunkserverPeerApi, this.#calls.counted(peerHandlers), parts)
      this.#links.add(link)
      link.onClose(() => { this.#links.delete(link) })
      if (this.#stopping.signal.aborted) link.close('this chunkserver stops')
    } catch (error) {
      const { code, message } = asDfsError(error)
      log.warn({ remote: connection.remote, code }, `a connection failed: ${message}`)
    }
  }

  /** A clean stop: finishes what runs, then makes every replica clean, so that the next start has nothing to check. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    // 1. Nothing new.
    const { clock } = this.#seams
    const finished = this.#calls.stop()
    await Promise.all([...this.#background.map(task => task.stop()), this.#parts?.scrubber.stop()])
    // 2. What runs may end; its answers still leave.
    await new Promise<void>(resolve => {
      const timer = clock.after(FINISH_MS, resolve)
      void finished.then(() => {
        timer.cancel()
        resolve()
      })
    })
    // 3. The connections, then the disk.
    await this.#masterLink?.stop()
    for (const link of this.#links) link.close('this chunkserver stops')
    this.#parts?.links.close()
    await this.#listener?.close()
    await this.#parts?.store.close()
  }
}
