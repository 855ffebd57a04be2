import { chunkControlApi, chunkserverRegistryApi } from '../../../src/protocol/chunkserver-api.ts'
import type { Checksum } from '../../../src/protocol/checksum.ts'
import type { ChunkLease, ReplicaReport } from '../../../src/protocol/chunks.ts'
import { DfsError } from '../../../src/protocol/errors.ts'
import { acceptLink, dialLink } from '../../../src/protocol/handshake.ts'
import type { ChunkId, ChunkIndex, ChunkVersion, ClusterId, InodeId, ServerId } from '../../../src/protocol/identifiers.ts'
import type { Link } from '../../../src/protocol/link.ts'
import { Drops } from '../../../src/master/chunks/drops.ts'
import { lease } from '../../../src/master/chunks/lease.ts'
import { Leases } from '../../../src/master/chunks/leases.ts'
import { Locations } from '../../../src/master/chunks/locations.ts'
import { ChunkLocks } from '../../../src/master/chunks/lock.ts'
import type { ChunkParts } from '../../../src/master/chunks/parts.ts'
import { Repair } from '../../../src/master/chunks/repair.ts'
import { Reports } from '../../../src/master/chunks/reports.ts'
import type { ChunkRecord, ChunkTable } from '../../../src/master/chunks/table.ts'
import { chunkserverHandlers, type ChunkserverLink } from '../../../src/master/chunkserver-handlers.ts'
import { defaultConfig, type MasterConfig } from '../../../src/master/config.ts'
import { KnownServers } from '../../../src/master/servers/known.ts'
import { Servers } from '../../../src/master/servers/registry.ts'
import { Settling } from '../../../src/master/servers/settling.ts'
import { silentLog } from '../../../src/seams/log.ts'
import { SimulatedDisk } from '../../simulation/disk.ts'
import { World } from '../../simulation/world.ts'

export const cluster = '7b2a7f0e-6a3c-4f0e-9a55-0d6f3c1f2a10' as ClusterId
const STEPS = 200_000

/** The master's durable table, kept in memory; survives a restart of the master. */
export class TableInMemory implements ChunkTable {
  readonly records = new Map<ChunkId, ChunkRecord>()
  nextChunk = 1
  version = 0
  chunk(id: ChunkId): ChunkRecord | undefined { return this.records.get(id) }
  readonly unwritten = new Set<ChunkId>()
  isUnwritten(id: ChunkId): boolean { return this.unwritten.has(id) }
  readonly beyondEnd = new Set<ChunkId>()
  isBeyondEnd(id: ChunkId): boolean { return this.beyondEnd.has(id) }
  bytesInFile() { return 65_536 }
  tailOf() { return undefined }
  isHeld() { return false }
  async cutTail() { throw new Error('the tests of leftovers run a whole cluster') }
  originOf({ inode, index }: ChunkRecord) { return { inode, index, chunkSizeBytes: 65_536 } }
  takeVersion(): ChunkVersion { return ++this.version as ChunkVersion }
  find(inode: InodeId, index: ChunkIndex): ChunkId | undefined {
    for (const [id, record] of this.records) if (record.inode === inode && record.index === index) return id
    return undefined
  }

  async setVersion(id: ChunkId, version: ChunkVersion, { doubtful }: { doubtful: boolean }): Promise<void> {
    const record = this.records.get(id)
    if (record === undefined) throw new DfsError('no-such-entry', 'gone')
    this.records.set(id, { ...record, version, ...(doubtful ? { lossVersion: version } : {}) })
  }

  async allocate(_stamp: unknown, inode: InodeId, index: ChunkIndex) {
    const chunk = this.nextChunk++ as ChunkId
    const version = this.takeVersion()
    this.records.set(chunk, { inode, index, version, lossVersion: 0 as ChunkVersion })
    return { chunk, version }
  }
}

interface FakeReplica {
  version: ChunkVersion
  content: number
  state: 'good' | 'doubtful' | 'corrupt'
}

/** What a chunkserver does for the master, without bytes: a replica's content is one number. */
export class FakeChunkserver {
  readonly replicas = new Map<ChunkId, FakeReplica>()
  /** Chunks of which it says that its replica may differ from the others. */
  readonly uneven = new Set<ChunkId>()
  readonly id: ServerId
  readonly host: string
  readonly rack: string
  readonly granted: { chunk: ChunkId, version: ChunkVersion, peers: ServerId[], create: boolean }[] = []
  readonly copied: { chunk: ChunkId, from: ServerId }[] = []
  readonly copyRates: (number | undefined)[] = []
  /** Methods that never answer. */
  readonly mute = new Set<string>()
  /** Methods that do what they should, and then never answer. */
  readonly muffled = new Set<string>()
  readonly refusing = new Set<string>()
  rememberedSince = 0 as ChunkVersion
  freeBytes = 900 * 2 ** 30
  boot = 'first'
  link: Link | undefined
  readonly #world: ChunkWorld
  // What a process knows and its disk does not.
  readonly #promised = new Map<ChunkId, ChunkVersion>()
  readonly #joined = new Map<ChunkId, ChunkVersion>()
  readonly #leases = new Map<ChunkId, { version: ChunkVersion, endsAtMs: number }>()

  constructor(world: ChunkWorld, { id, host, rack }: { id: number, host: string, rack: string }) {
    this.#world = world
    this.id = id as ServerId
    this.host = host
    this.rack = rack
  }

  get address(): string { return `${this.host}:${1_000 + this.id}` }

  async connect(): Promise<void> {
    const { world, clock } = this.#world
    const { link } = await dialLink(world.network.forHost(`server-${this.id}`), this.#world.address,
      { role: 'chunkserver', lane: 'control', expect: 'master', timeoutMs: 1_000 }, { clock, log: silentLog })
    this.link = link
    link.serve(chunkControlApi, {
      fence: ({ chunk, version }) => this.#do('fence', () => {
        if ((this.#promised.get(chunk) ?? 0) > version) throw new DfsError('stale-replica', 'promised')
        this.#promised.set(chunk, version)
        this.#leases.delete(chunk)
        this.#joined.delete(chunk)
        const replica = this.replicas.get(chunk)
        if (replica === undefined) throw new DfsError('no-such-replica', 'none')
        if (replica.state === 'corrupt') throw new DfsError('corrupt', 'rot')
        if (replica.version > version) throw new DfsError('stale-replica', 'newer')
        replica.version = version
        this.uneven.delete(chunk)
        this.#joined.set(chunk, version)
        return {
          lengthBytes: 1, tableChecksum: replica.content as Checksum, state: replica.state, rememberedSince: this.rememberedSince,
        }
      }),
      reconcile: ({ chunk, version, peers }) => this.#do('reconcile', () => {
        const failed: ServerId[] = []
        for (const { server } of peers) {
          const peer = this.#world.server(server)
          const theirs = peer.replicas.get(chunk)
          if (peer.refusing.has('patch') || theirs?.version !== version) failed.push(server)
          else theirs.content = this.replicas.get(chunk)?.content ?? 0
        }
        return { failed }
      }),
      grant: ({ chunk, version, peers, create, leaseMs }) => this.#do('grant', () => {
        if (create && this.replicas.has(chunk)) throw new DfsError('already-exists', 'fence it')
        if (create && (this.#promised.get(chunk) ?? 0) >= version) throw new DfsError('stale-replica', 'promised')
        if (!create && this.#joined.get(chunk) !== version) throw new DfsError('stale-replica', 'not fenced')
        this.#joined.set(chunk, version)
        this.#promised.set(chunk, version)
        this.#leases.set(chunk, { version, endsAtMs: this.#world.clock.nowMs() + leaseMs })
        this.granted.push({ chunk, version, peers: peers.map(({ server }) => server), create })
        return {}
      }),
      revoke: ({ chunk, version }) => this.#do('revoke', () => {
        if ((this.#leases.get(chunk)?.version ?? Infinity) <= version) this.#leases.delete(chunk)
        return {}
      }),
      copy: ({ chunk, version, from, rateBytes }) => {
        this.copyRates.push(rateBytes)
        return this.#do('copy', () => {
          const source = this.#world.server(from.server).replicas.get(chunk)
          if (source?.version !== version) throw new DfsError('stale-replica', 'another version')
          if (source.state === 'corrupt') throw new DfsError('corrupt', 'rot')
          if ((this.#promised.get(chunk) ?? 0) > version) throw new DfsError('stale-replica', 'promised')
          this.#joined.delete(chunk)
          this.copied.push({ chunk, from: from.server })
          this.replicas.set(chunk, { version, content: source.content, state: 'good' })
          return { lengthBytes: 1 }
        })
      },
      drop: ({ chunks }) => this.#do('drop', () => {
        const kept: ReplicaReport[] = []
        for (const { chunk, version } of chunks) {
          const replica = this.replicas.get(chunk)
          if (replica !== undefined && replica.version > version) {
            kept.push({ chunk, version: replica.version, lengthBytes: 1, state: replica.state })
          } else this.replicas.delete(chunk)
        }
        return { kept }
      }),
      accept: ({ chunk, version }) => this.#do('accept', () => {
        const replica = this.replicas.get(chunk)
        if (replica?.version === version && replica.state === 'doubtful') replica.state = 'good'
        return {}
      }),
    }, undefined)
    await link.call(chunkserverRegistryApi.methods.register, {
      server: this.id, address: this.address, rack: this.rack, host: this.host, totalBytes: 2 ** 40, freeBytes: this.freeBytes,
      boot: this.boot,
    }, { deadlineMs: 1_000 })
    await link.call(chunkserverRegistryApi.methods.report,
      { replicas: this.reports(), first: true, last: true }, { deadlineMs: 1_000 })
  }

  /** The process dies; its replicas stay on its disk. */
  kill(): void {
    this.#world.world.network.kill(`server-${this.id}`)
    this.link = undefined
    for (const memory of [this.#promised, this.#joined, this.#leases]) memory.clear()
  }

  /** The machine loses power, and with it replicas that were never synced. */
  losePower(): void {
    this.kill()
    this.replicas.clear()
    this.boot += ' and next'
  }

  async heartbeat(renew: { chunk: ChunkId, version: ChunkVersion }[] = [], gone: ChunkId[] = []): Promise<ChunkId[]> {
    if (this.link === undefined) return []
    const { reply } = await this.link.call(chunkserverRegistryApi.methods.heartbeat, {
      totalBytes: 2 ** 40, freeBytes: this.freeBytes, load: 0, diskFault: '', corruptFound: 0, diskFailures: 0,
      changed: this.reports(), gone, renew,
    }, { deadlineMs: 1_000 })
    return reply.renewed
  }

  reports(): ReplicaReport[] {
    return [...this.replicas].map(([chunk, { version, state }]) => ({
      chunk, version, state, lengthBytes: 1, ...(this.uneven.has(chunk) ? { uneven: true } : {}),
    }))
  }

  /** Whether it may order mutations of the chunk under the version. */
  isPrimary(chunk: ChunkId, version: ChunkVersion): boolean {
    const lease = this.#leases.get(chunk)
    return this.link !== undefined && lease?.version === version && this.#world.clock.nowMs() < lease.endsAtMs
  }

  /** Makes or changes a replica, as a mutation would. @returns whether it was let */
  apply(chunk: ChunkId, version: ChunkVersion, content: number): boolean {
    if (!this.replicas.has(chunk) && version > (this.#promised.get(chunk) ?? 0)) {
      this.#promised.set(chunk, version)
      this.#joined.set(chunk, version)
    }
    if (this.#joined.get(chunk) !== version || this.replicas.get(chunk)?.state === 'corrupt') return false
    this.replicas.set(chunk, { version, content, state: 'good' })
    return true
  }

  async #do<Reply>(method: string, run: () => Reply): Promise<{ reply: Reply }> {
    if (this.mute.has(method)) return new Promise(() => {})
    if (this.refusing.has(method)) throw new DfsError('disk-failed', 'told to refuse')
    const reply = run()
    if (this.muffled.has(method)) return new Promise(() => {})
    return { reply }
  }
}

/** The chunk side of a master with chunkservers that are fakes, in virtual time. */
export class ChunkWorld {
  readonly world: World
  readonly table: TableInMemory
  readonly config: MasterConfig
  readonly servers: FakeChunkserver[] = []
  parts: ChunkParts
  repair: Repair
  reports: Reports
  address = ''
  readonly #disk: SimulatedDisk
  #run = 0

  constructor(seed = 1, config: Partial<MasterConfig> = {}) {
    this.world = new World(seed)
    this.config = { ...defaultConfig, ...config }
    this.table = new TableInMemory()
    this.#disk = new SimulatedDisk({ random: this.world.random.fork() })
    const built = this.#build()
    this.parts = built.parts
    this.repair = built.repair
    this.reports = built.reports
  }

  get clock() { return this.world.clock }

  /** A world with servers that have registered. */
  static async of(
    places: readonly { host?: string, rack?: string }[], { seed = 1, ...config }: Partial<MasterConfig> & { seed?: number } = {},
  ): Promise<ChunkWorld> {
    const made = new ChunkWorld(seed, config)
    for (const place of places) await made.add(place)
    return made
  }

  async add({ host, rack }: { host?: string, rack?: string } = {}): Promise<FakeChunkserver> {
    const id = this.servers.length + 1
    const server = new FakeChunkserver(this, { id, host: host ?? `host-${id}`, rack: rack ?? `rack-${id}` })
    this.servers.push(server)
    await this.finish(server.connect())
    return server
  }

  server(id: number): FakeChunkserver {
    const found = this.servers.find(server => server.id === id)
    if (found === undefined) throw new Error(`no server ${id}`)
    return found
  }

  finish<Value>(promise: Promise<Value>): Promise<Value> {
    return this.world.finish(promise, { stepsMax: STEPS, what: 'the test' })
  }

  /** A master process ends and another begins: only the table and the list of servers are left. */
  async restartMaster(): Promise<void> {
    this.world.network.kill('master')
    const { parts, repair, reports } = this.#build()
    this.parts = parts
    this.repair = repair
    this.reports = reports
    await this.pass(10)
  }

  lease(index = 0, { suspects = [], known, near }: { suspects?: number[], known?: ChunkVersion, near?: string } = {}) {
    const inode = 7 as InodeId
    return this.finish(lease(this.parts, {
      stamp: { session: 1 as never, sequence: 1, oldestWaiting: 1 }, inode, index: index as ChunkIndex,
      suspects: suspects as ServerId[], known,
    }, this.table.find(inode, index as ChunkIndex), near))
  }

  /** A mutation as the lease has it: acknowledged when all members took it. */
  write({ chunk, version, primary, replicas }: ChunkLease, content: number): boolean {
    if (!this.server(primary).isPrimary(chunk, version)) return false
    const done = replicas.map(({ server }) => this.server(server).apply(chunk, version, content))
    return done.every(each => each)
  }

  /** Time passes, with heartbeats and passes of the planner. */
  async pass(ms: number): Promise<void> {
    const end = this.clock.nowMs() + ms
    while (this.clock.nowMs() < end) {
      await this.finish(Promise.allSettled(this.servers.map(server => server.heartbeat())))
      this.repair.step()
      void this.parts.drops.step()
      await this.finish(new Promise<void>(resolve => {
        this.clock.after(Math.min(this.config.heartbeatMs, Math.max(1, end - this.clock.nowMs())), resolve)
      }))
    }
    await this.finish(this.repair.idle())
  }

  /** Servers that have a replica of the chunk on their disks. */
  holders(chunk: ChunkId): number[] {
    return this.servers.filter(server => server.replicas.has(chunk)).map(({ id }) => id)
  }

  #build(): { parts: ChunkParts, repair: Repair, reports: Reports } {
    const { clock, config, table } = this
    const log = silentLog
    const known = new KnownServers(this.#disk)
    const servers = new Servers({ clock, log, times: config })
    for (const server of known.all()) servers.expect(server)
    const locations = new Locations(chunk => { repair.look(chunk) })
    const leases = new Leases({ clock, leaseMs: config.leaseMs })
    const drops = new Drops({ servers, log })
    const settling = new Settling({ clock, servers, settleMs: config.settleMs, reportMs: config.staleMs, replicas: config.replicas })
    const parts: ChunkParts = {
      table, locations, leases, locks: new ChunkLocks(), drops, servers, settling, known, clock, log, config,
      random: this.world.random.fork(),
    }
    const repair = new Repair(parts)
    const reports = new Reports({ table, locations, leases, drops, clock, log })
    this.address = `master:${++this.#run}`
    void this.world.network.forHost('master').listen(this.address, connection => {
      void acceptLink(connection, { role: 'master', cluster }, { clock, log }).then(accepted => {
        if (accepted === undefined) return
        const from: ChunkserverLink = { link: accepted.link, server: undefined }
        accepted.link.serve(chunkserverRegistryApi, chunkserverHandlers({ chunks: parts, reports, known }), from)
      })
    })
    return { parts, repair, reports }
  }
}
