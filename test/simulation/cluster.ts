import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { ChunkServer } from '../../src/chunkserver/server.ts'
import { Client } from '../../src/client/index.ts'
import { defaultConfig } from '../../src/master/config.ts'
import { Master } from '../../src/master/server.ts'
import type { Clock } from '../../src/seams/clock.ts'
import { DiskError, type Disk } from '../../src/seams/disk.ts'
import type { Log } from '../../src/seams/log.ts'
import type { Network } from '../../src/seams/network.ts'
import { SimulatedDisk } from './disk.ts'
import type { Turns } from './process.ts'
import { readReplica } from './replica-file.ts'
import type { SeededRandom } from './random.ts'
import type { World } from './world.ts'

export const CHUNK_BYTES = 256 * 1024
const MASTER_ADDRESS = 'master:9400'
/** A client that is silent for this long has lost its session, in ms. */
export const SESSION_MS = 60_000
/** So little journal makes a checkpoint that many fall into a run, and crashes into some. */
const CHECKPOINT_BYTES = 8 * 1024

/** The life of one process, from start to kill. */
interface Life {
  dead: boolean
}

/** Who hears what a cluster says. */
interface Listening {
  log: Log
  /** Something happened that never should. */
  onFault: (fault: unknown) => void
}

/** A host with a disk, on which a process starts, dies and starts again. */
export abstract class Machine {
  readonly host: string
  readonly disk: SimulatedDisk
  protected readonly world: World
  protected readonly random: SeededRandom
  readonly #listening: Listening
  protected life: Life = { dead: true }

  constructor(world: World, host: string, listening: Listening) {
    this.world = world
    this.host = host
    this.#listening = listening
    this.random = world.random.fork()
    this.disk = new SimulatedDisk({ random: this.random.fork(), clock: this.turns.clock() })
  }

  /** Of its process as long as it lives. */
  get clock(): Clock {
    return this.world.clockOf(this.host, this.life)
  }

  /** Of its process, to stop it and let it go on. */
  get turns(): Turns {
    return this.world.turnsOf(this.host)
  }

  get running(): boolean {
    return !this.life.dead
  }

  protected outside(): { clock: Clock, network: Network, disk: Disk, random: SeededRandom, log: Log } {
    const life: Life = { dead: false }
    this.life = life
    return {
      clock: this.world.clockOf(this.host, life), network: networkOf(this.world, this.host, life), disk: diskOf(this.disk, life),
      random: this.random, log: logOf(this.#listening, this, life),
    }
  }

  /** Ends the process in the middle of whatever it does; the disk keeps all that was written, or loses what was not synced. */
  crash(how: 'kill' | 'power'): void {
    this.life.dead = true
    this.turns.end()
    this.world.network.kill(this.host)
    if (how === 'kill') this.disk.kill()
    else this.disk.powerCut()
  }

  abstract start(): Promise<void>
}

/** Promises of a dead process never settle: nothing goes on in it. */
function networkOf(world: World, host: string, life: Life): Network {
  const network = world.network.forHost(host)
  const never = new Promise<never>(() => {})
  const isDead = (): boolean => life.dead
  return {
    dial: async (address, timeoutMs) => {
      if (isDead()) return never
      const connection = await network.dial(address, timeoutMs)
      if (!isDead()) return connection
      connection.close('the process is dead')
      return never
    },
    listen: (address, accept) => isDead() ? never : network.listen(address, accept),
  }
}

/**
 * The log of one process. Two things that it may say are faults of ours: that a handler threw something else than a DfsError,
 * and that a replica is corrupt although the disk has kept its word.
 */
function logOf({ log, onFault }: Listening, { host, disk }: Machine, life: Life): Log {
  return {
    debug: (facts, sentence) => { log.debug({ host, ...facts }, sentence) },
    info: (facts, sentence) => { log.info({ host, ...facts }, sentence) },
    warn: (facts, sentence) => { log.warn({ host, ...facts }, sentence) },
    error: (facts, sentence) => {
      log.error({ host, ...facts }, sentence)
      if (life.dead) return
      if ('method' in facts && 'error' in facts) onFault(new Error(`${host}: ${sentence}`, { cause: facts.error }))
      if ('state' in facts && facts.state === 'corrupt' && !disk.broken) onFault(new Error(`${host}: ${sentence}`))
    },
  }
}

/** The disk as one process has it: a dead one can do nothing with it. */
function diskOf(disk: SimulatedDisk, life: Life): Disk {
  const alive = (): SimulatedDisk => {
    if (life.dead) throw new DiskError('ECRASH', 'the process is dead')
    return disk
  }
  return {
    open: (name, mode) => alive().open(name, mode),
    sizeOf: name => alive().sizeOf(name),
    list: folder => alive().list(folder),
    rename: (from, to) => { alive().rename(from, to) },
    remove: name => { alive().remove(name) },
    removeLarge: name => alive().removeLarge(name),
    syncFolder: folder => alive().syncFolder(folder),
    capacity: () => alive().capacity(),
    bootId: () => alive().bootId(),
  }
}

class MasterMachine extends Machine {
  readonly #lmdbRoot: string
  readonly #trashMs: number
  #lives = 0
  #master: Master | undefined

  constructor(world: World, trashMs: number, listening: Listening) {
    super(world, 'master', listening)
    this.#trashMs = trashMs
    this.#lmdbRoot = mkdtempSync(path.join(os.tmpdir(), 'dfs-simulation-'))
  }

  get master(): Master {
    if (this.#master === undefined) throw new Error('the master has not started')
    return this.#master
  }

  /** A killed process leaves LMDB's files as they are, and no second one may have them open in the same process: copy. */
  async start(): Promise<void> {
    const before = path.join(this.#lmdbRoot, String(this.#lives))
    this.#lives++
    const lmdbPath = path.join(this.#lmdbRoot, String(this.#lives))
    if (this.#lives > 1) cpSync(before, lmdbPath, { recursive: true })
    const seams = this.outside()
    const { life } = this
    const master = await Master.start({
      seams, lmdbPath, copying: 'at once', version: 'simulated', checkpointBytes: CHECKPOINT_BYTES,
      config: {
        ...defaultConfig, listen: MASTER_ADDRESS, chunkSizeBytes: CHUNK_BYTES, heartbeatMs: 500, staleMs: 2_000, deadMs: 5_000,
        settleMs: 1_500, leaseMs: 10_000, repairMs: 200, minFreeFraction: 0, sessionMs: SESSION_MS,
        trashMs: this.#trashMs,
      },
    })
    // As the program does: it ends, and somebody starts it again.
    master.onFatal(() => { if (!life.dead) this.crash('kill') })
    this.#master = master
  }

  remove(): void {
    rmSync(this.#lmdbRoot, { recursive: true, force: true })
  }
}

class ChunkserverMachine extends Machine {
  readonly #rack: string
  /** Of its disk, from its next start on. */
  capacityBytes: number | undefined
  #server: ChunkServer | undefined

  constructor(world: World, number: number, listening: Listening) {
    super(world, `server-${String(number)}`, listening)
    this.#rack = `rack-${String(number)}`
  }

  get server(): ChunkServer {
    if (this.#server === undefined) throw new Error(`${this.host} has not started`)
    return this.#server
  }

  async start(): Promise<void> {
    this.#server = await ChunkServer.start({
      seams: this.outside(),
      config: {
        listen: `${this.host}:9500`, rack: this.#rack, host: this.host, masters: [MASTER_ADDRESS],
        ...(this.capacityBytes === undefined ? {} : { capacityBytes: this.capacityBytes }),
      },
    })
  }
}

/** A host with a client and nothing on its disk. */
export class ClientMachine extends Machine {
  #client: Client | undefined

  get client(): Client {
    if (this.#client === undefined) throw new Error(`${this.host} has not started`)
    return this.#client
  }

  async start(): Promise<void> {
    this.#client = await Client.start(this.outside(),
      { masters: [MASTER_ADDRESS], host: this.host, patienceMs: 300_000, connectMs: 300_000 })
  }
}

/** A whole cluster in one process: real master, chunkservers and clients in a simulated world. */
export class SimulatedCluster {
  readonly world: World
  readonly master: MasterMachine
  readonly servers: ChunkserverMachine[]
  readonly clients: ClientMachine[] = []
  #nextGuest = 1
  #welcome: (guest: ClientMachine) => void = () => {}
  readonly #listening: Listening

  constructor(world: World, { servers, trashMs = 0, ...listening }: { servers: number, trashMs?: number } & Listening) {
    this.world = world
    this.#listening = listening
    this.master = new MasterMachine(world, trashMs, listening)
    this.servers = Array.from({ length: servers }, (_, index) => new ChunkserverMachine(world, index + 1, listening))
  }

  async start(clients: number): Promise<void> {
    await this.master.start()
    await Promise.all(this.servers.map(server => server.start()))
    for (let number = 1; number <= clients; number++) {
      const machine = new ClientMachine(this.world, `client-${String(number)}`, this.#listening)
      await machine.start()
      this.clients.push(machine)
    }
  }

  /** One more client, which is not among {@link clients}: it comes and goes. */
  async guest(): Promise<ClientMachine> {
    const machine = new ClientMachine(this.world, `guest-${String(this.#nextGuest++)}`, this.#listening)
    await machine.start()
    this.#welcome(machine)
    return machine
  }

  /** Sets who gives guests something to do. */
  onGuest(welcome: (guest: ClientMachine) => void): void {
    this.#welcome = welcome
  }

  get machines(): Machine[] {
    return [this.master, ...this.servers]
  }

  /** Files synced so far, on all disks. */
  get syncs(): number {
    return this.machines.reduce((sum, { disk }) => sum + disk.syncs, 0)
  }

  get hosts(): string[] {
    return [...this.machines, ...this.clients].map(({ host }) => host)
  }

  /** Of chunkservers, so far. */
  get powerCuts(): number {
    return this.servers.reduce((sum, { disk }) => sum + disk.powerCuts, 0)
  }

  async stop(): Promise<void> {
    for (const { client } of this.clients) await client.close()
    for (const server of this.servers) await server.server.stop()
    await this.master.master.stop()
  }

  /** Removes what a run keeps on the real disk. */
  remove(): void {
    this.master.remove()
  }

  /** The bytes of each chunk's replicas, by chunk and server, as they lie on the disks. */
  replicas(): Map<string, Map<string, Buffer>> {
    const chunks = new Map<string, Map<string, Buffer>>()
    for (const server of this.servers) {
      for (const [name, bytes] of server.disk.contents()) {
        const chunk = /(\d+)\.replica$/.exec(name)?.[1]
        if (chunk === undefined) continue
        const replicas = chunks.get(chunk) ?? new Map<string, Buffer>()
        chunks.set(chunk, replicas.set(server.host, readReplica(bytes).bytes))
      }
    }
    return chunks
  }
}
