import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { MasterSession } from '../../src/client/master/session.ts'
import { defaultConfig } from '../../src/master/config.ts'
import { Master } from '../../src/master/server.ts'
import { silentLog } from '../../src/seams/log.ts'
import { SimulatedDisk } from '../simulation/disk.ts'
import { World } from '../simulation/world.ts'

export const MASTER = 'master:9400'
const SESSION_MS = 20_000

/** A real master in a simulated world, which can be killed and started again. */
export class MasterWorld {
  readonly world: World
  readonly #disk: SimulatedDisk
  readonly #lmdb = mkdtempSync(path.join(os.tmpdir(), 'dfs-client-'))
  #lives = 0
  #life = { dead: true }

  constructor(seed: number) {
    this.world = new World(seed)
    this.#disk = new SimulatedDisk({ random: this.world.random.fork(), clock: this.world.clock })
  }

  static async started(seed: number): Promise<MasterWorld> {
    const master = new MasterWorld(seed)
    await master.start()
    return master
  }

  async start(): Promise<void> {
    const before = path.join(this.#lmdb, String(this.#lives))
    const lmdbPath = path.join(this.#lmdb, String(++this.#lives))
    if (this.#lives > 1) cpSync(before, lmdbPath, { recursive: true })
    const life = { dead: false }
    this.#life = life
    await this.finish(Master.start({
      seams: {
        clock: this.world.clockOf('master', life), network: this.world.network.forHost('master'), disk: this.#disk,
        random: this.world.random.fork(), log: silentLog,
      },
      lmdbPath, version: 'test',
      config: { ...defaultConfig, listen: MASTER, sessionMs: SESSION_MS, settleMs: 100 },
    }))
  }

  kill(): void {
    this.#life.dead = true
    this.world.network.kill('master')
    this.#disk.kill()
  }

  session(host = 'client', masters = [MASTER], connectMs = 5_000): Promise<MasterSession> {
    const { world } = this
    return this.finish(MasterSession.start(
      { clock: world.clock, network: world.network.forHost(host), random: world.random.fork(), log: silentLog },
      { masters, host, patienceMs: 60_000, connectMs }))
  }

  /** Lets time pass until the promise has settled. */
  finish<Value>(promise: Promise<Value>): Promise<Value> {
    return this.world.finish(promise, { stepsMax: 200_000, what: 'the test' })
  }

  async pass(ms: number): Promise<void> {
    await this.finish(new Promise<void>(resolve => { this.world.clock.after(ms, resolve) }))
  }

  remove(): void {
    rmSync(this.#lmdb, { recursive: true, force: true })
  }
}
