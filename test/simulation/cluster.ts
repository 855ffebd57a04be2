import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { ChunkServer } from '../../src/chunkserver/server.ts'
import { Client } from '../../src/client/index.ts'
import { defaultConfig } from '../../src/master/config.ts'
import { Master } from '../../src/master/server.ts'
import type { Clock } from '../../src/seams/clock.ts'
import type { Log } from '../../src/seams/log.ts'
import type { Network } from '../../src/seams/network.ts'
import { SimulatedDisk } from './disk.ts'
import type { SeededRandom } from './random.ts'
import type { World } from './world.ts'

export const CHUNK_BYTES = 256 * 1024
const MASTER_ADDRESS = 'master:9400'

/** The life of one process, from start to kill. */
interface Life {
  dead: boolean
}

/** A host with a disk, on which a process starts, dies and starts again. */
abstract class Machine {
  readonly host: string
  readonly disk: SimulatedDisk
  protected readonly world: World
  protected readonly random: SeededRandom
  protected readonly log: Log
  protected life: Life = { dead: true }

  constructor(world: World, host: string, log: Log) {
    this.world = world
    this.host = host
    this.log = log
    this.random = world.random.fork()
    this.disk = new SimulatedDisk({ random: this.random.fork(), clock: world.clock })
  }

  get running(): boolean {
    return !this.life.dead
  }

  protected outside(): { clock: Clock, network: Network, random: SeededRandom, log: Log } {
    const life: Life = { dead: false }
    this.life = life
    return { clock: this.world.clockOf(life), network: networkOf(this.world, this.host, life), random: this.random, log: this.log }
  }

  /** Ends the process in the middle of whatever it does; the disk keeps all that was written, or loses what was not synced. */
  crash(how: 'kill' | 'power'): void {
    this.life.dead = true
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

class MasterMachine extends Machine {
  readonly #lmdbRoot: string
  #lives = 0
  #master: Master | undefined

  constructor(world: World, log: Log) {
    super(world, 'master', log)
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
    this.#master = await Master.start({
      seams: { ...this.outside(), disk: this.disk }, lmdbPath, copying: 'at once', version: 'simulated',
      config: {
        ...defaultConfig, listen: MASTER_ADDRESS, chunkSizeBytes: CHUNK_BYTES, heartbeatMs: 500, staleMs: 2_000, deadMs: 5_000,
        settleMs: 1_500, leaseMs: 10_000, repairMs: 200, minFreeFraction: 0, sessionMs: 120_000, trashMs: 0,
      },
    })
  }

  remove(): void {
    rmSync(this.#lmdbRoot, { recursive: true, force: true })
  }
}

class ChunkserverMachine extends Machine {
  readonly #rack: string
  #server: ChunkServer | undefined

  constructor(world: World, number: number, log: Log) {
    super(world, `server-${String(number)}`, log)
    this.#rack = `rack-${String(number)}`
  }

  get server(): ChunkServer {
    if (this.#server === undefined) throw new Error(`${this.host} has not started`)
    return this.#server
  }

  async start(): Promise<void> {
    this.#server = await ChunkServer.start({
      seams: { ...this.outside(), disk: this.disk },
      config: { listen: `${this.host}:9500`, rack: this.#rack, host: this.host, masters: [MASTER_ADDRESS] },
    })
  }
}

/** A whole cluster in one process: real master, chunkservers and clients in a simulated world. */
export class SimulatedCluster {
  readonly world: World
  readonly master: MasterMachine
  readonly servers: ChunkserverMachine[]
  readonly clients: { host: string, client: Client }[] = []
  readonly #log: Log

  constructor(world: World, { servers, log }: { servers: number, log: Log }) {
    this.world = world
    this.#log = log
    this.master = new MasterMachine(world, log)
    this.servers = Array.from({ length: servers }, (_, index) => new ChunkserverMachine(world, index + 1, log))
  }

  async start(clients: number): Promise<void> {
    await this.master.start()
    await Promise.all(this.servers.map(server => server.start()))
    for (let number = 1; number <= clients; number++) {
      const host = `client-${String(number)}`
      const life: Life = { dead: false }
      const client = await Client.start(
        { clock: this.world.clockOf(life), network: networkOf(this.world, host, life), random: this.world.random.fork(), log: this.#log },
        { masters: [MASTER_ADDRESS], host, patienceMs: 300_000 })
      this.clients.push({ host, client })
    }
  }

  get machines(): Machine[] {
    return [this.master, ...this.servers]
  }

  get hosts(): string[] {
    return [...this.machines, ...this.clients].map(({ host }) => host)
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
        const chunk = /(\d+)\.data$/.exec(name)?.[1]
        if (chunk === undefined) continue
        const replicas = chunks.get(chunk) ?? new Map<string, Buffer>()
        chunks.set(chunk, replicas.set(server.host, bytes))
      }
    }
    return chunks
  }
}
