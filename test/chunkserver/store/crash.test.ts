import assert from 'node:assert/strict'
import t from 'tap'
import type { PlacedMutation } from '../../../src/protocol/chunks.ts'
import type { ChunkId, ChunkVersion } from '../../../src/protocol/identifiers.ts'
import { limits } from '../../../src/protocol/limits.ts'
import { namesOf } from '../../../src/chunkserver/store/names.ts'
import { dataStart } from '../../../src/chunkserver/store/table.ts'
import type { Replica } from '../../../src/chunkserver/store/replica.ts'
import { ReplicaStore } from '../../../src/chunkserver/store/store.ts'
import type { Clock } from '../../../src/seams/clock.ts'
import { silentLog } from '../../../src/seams/log.ts'
import { SimulatedDisk } from '../../simulation/disk.ts'
import { SeededRandom } from '../../simulation/random.ts'
import { ReplicaModel } from './model.ts'

const SEEDS = Number(process.env['SEEDS'] ?? 60)
const FIRST_SEED = Number(process.env['FIRST_SEED'] ?? 1)
const BLOCK = limits.blockBytes
const CHUNK_BYTES = 4 * BLOCK

/** Time stands still, and whatever takes time takes turns. */
const clock: Clock = {
  nowMs: () => 0,
  wallNs: () => 0n,
  after: (_delayMs, run) => {
    const turn = setImmediate(run)
    return { cancel: () => { clearImmediate(turn) } }
  },
}

/** One server's folder, used at random until it crashes, again and again. */
class Ordeal {
  readonly random: SeededRandom
  readonly disk: SimulatedDisk
  readonly models = new Map<ChunkId, ReplicaModel>()
  readonly seen = { kills: 0, powerCuts: 0, doubtful: 0, changes: 0, checked: 0, lost: 0, openCrashes: 0, copies: 0 }
  #store: ReplicaStore | undefined
  #nextChunk = 1
  #nextVersion = 1
  #cleaning = 0

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
    this.disk = new SimulatedDisk({ random: this.random.fork(), clock })
  }

  get store(): ReplicaStore {
    assert(this.#store !== undefined)
    return this.#store
  }

  async open(): Promise<void> {
    const openReplicasMax = 1 + this.random.below(3)
    this.#store = await ReplicaStore.open({ disk: this.disk, log: silentLog, clock, idleMs: 0, openReplicasMax })
  }

  /** Works until the disk has crashed, or enough was done. */
  async work(steps: number): Promise<void> {
    const crashed = (): boolean => this.disk.crashed
    for (let step = 0; step < steps && !crashed(); step++) {
      const actions = Array.from({ length: 1 + this.random.below(3) }, () => this.#act())
      for (const end of await Promise.allSettled(actions)) {
        if (end.status === 'rejected' && !crashed()) throw end.reason
      }
    }
  }

  async #act(): Promise<void> {
    const living = [...this.models].filter(([, model]) => model.removed === 'no')
    const picked = living.length === 0 ? undefined : this.random.pick(living)
    const roll = this.random.fraction()
    if (picked === undefined || (roll < 0.1 && living.length < 5)) { this.#create(); return }
    const [chunk, model] = picked
    const replica = this.store.get(chunk)
    assert(replica !== undefined, `chunk ${String(chunk)} is missing`)
    if (roll < 0.5) await this.#change(replica, model)
    else if (roll < 0.65) await this.#sync(replica, model)
    else if (roll < 0.75) await this.#fence(replica, model)
    else if (roll < 0.85) await this.#clean()
    else if (roll < 0.87) this.#remove(chunk, model)
    else if (roll < 0.9) await this.#copy(chunk, model)
    else await this.#read(replica, model)
  }

  #create(): void {
    const chunk = this.#nextChunk++ as ChunkId
    const version = this.#nextVersion++ as ChunkVersion
    const start = this.random.chance(0.5) ? this.random.bytes(1 + this.random.below(BLOCK)) : Buffer.alloc(0)
    const model = new ReplicaModel(version)
    // Until the call is back it may be there or not: as if its removal had been tried.
    model.removed = 'perhaps'
    model.begins({ kind: 'write', extents: [{ offsetBytes: 0, lengthBytes: start.length }] }, start)
    this.models.set(chunk, model)
    this.store.create(chunk, version, { inode: 7, index: chunk, chunkSizeBytes: CHUNK_BYTES }, start)
    model.ended({ cleaning: this.#cleaning > 0 })
    model.removed = 'no'
  }

  async #change(replica: Replica, model: ReplicaModel): Promise<void> {
    if (model.changing) return
    const { mutation, data } = this.#mutation(model.contents.length)
    model.begins(mutation, data)
    const half = Math.floor(data.length / 2)
    await replica.apply(mutation, [data.subarray(0, half), data.subarray(half)])
    model.ended({ cleaning: this.#cleaning > 0 })
    this.seen.changes++
  }

  #mutation(lengthBytes: number): { mutation: PlacedMutation, data: Buffer } {
    if (this.random.chance(0.15)) {
      const to = this.random.chance(0.3) ? this.random.below(5) * BLOCK : this.random.below(CHUNK_BYTES + 1)
      return { mutation: { kind: 'resize', lengthBytes: to }, data: Buffer.alloc(0) }
    }
    const extents = Array.from({ length: this.random.chance(0.3) ? 3 : 1 }, () => {
      const appends = this.random.chance(0.4)
      const offsetBytes = appends ? lengthBytes : this.random.chance(0.3)
        ? this.random.below(5) * BLOCK
        : this.random.below(CHUNK_BYTES)
      const most = CHUNK_BYTES - offsetBytes
      const wanted = this.random.chance(0.3) ? this.random.below(3) * BLOCK : this.random.below(10_000)
      return { offsetBytes, lengthBytes: Math.min(most, wanted) }
    })
    const data = Buffer.alloc(extents.reduce((sum, extent) => sum + extent.lengthBytes, 0))
    // Every page differs, and no byte is zero.
    const salt = this.random.below(250)
    for (let at = 0; at < data.length; at++) data[at] = 1 + (salt + at * 7 + Math.floor(at / 256)) % 255
    return { mutation: { kind: 'write', extents }, data }
  }

  async #sync(replica: Replica, model: ReplicaModel): Promise<void> {
    const ended = model.syncBegins()
    await replica.sync()
    ended()
  }

  async #fence(replica: Replica, model: ReplicaModel): Promise<void> {
    const version = this.#nextVersion++ as ChunkVersion
    model.versionMost = version
    await replica.fence(version)
    if (version > model.versionLeast) model.versionLeast = version
    model.durable = true
  }

  async #clean(): Promise<void> {
    for (const model of this.models.values()) {
      if (model.afterPowerCut === 'doubtful') model.afterPowerCut = 'either'
    }
    const syncs = [...this.models].map(([chunk, model]) =>
      ({ chunk, model, ended: model.syncBegins(), wasClean: this.store.get(chunk)?.isClean === true }))
    this.#cleaning++
    await this.store.clean()
    this.#cleaning--
    for (const { chunk, model, ended, wasClean } of syncs) {
      const replica = this.store.get(chunk)
      if (replica?.isClean !== true || model.changing || model.removed !== 'no') continue
      ended()
      // One that was found clean after a kill may have said so to the page cache only.
      if (wasClean) continue
      if (replica.state === 'good' && this.#cleaning === 0) model.afterPowerCut = 'good'
    }
  }

  #remove(chunk: ChunkId, model: ReplicaModel): void {
    if (model.changing) return
    model.removed = 'perhaps'
    this.store.remove(chunk)
    model.removed = 'yes'
  }

  /** Replaces a replica by a newer one from elsewhere. */
  async #copy(chunk: ChunkId, model: ReplicaModel): Promise<void> {
    if (model.changing) return
    model.removed = 'perhaps'
    const version = this.#nextVersion++ as ChunkVersion
    const { mutation, data } = this.#mutation(0)
    const copied = new ReplicaModel(version)
    copied.removed = 'perhaps'
    const copy = this.store.beginCopy(chunk, version, { inode: 7, index: chunk, chunkSizeBytes: CHUNK_BYTES })
    if (mutation.kind === 'write') {
      let from = 0
      for (const { offsetBytes, lengthBytes } of mutation.extents) {
        await copy.write(offsetBytes, data.subarray(from, from + lengthBytes))
        from += lengthBytes
      }
    }
    copied.begins(mutation, data)
    copied.ended({ cleaning: false })
    model.versionMost = version
    await copy.finish(copied.contents.length)
    copied.syncBegins()()
    copied.removed = 'no'
    copied.afterPowerCut = 'good'
    this.models.set(chunk, copied)
    this.seen.copies++
  }

  async #read(replica: Replica, model: ReplicaModel): Promise<void> {
    const from = this.random.below(model.contents.length + 1)
    const count = this.random.below(3 * BLOCK)
    const before = model.contents
    const { data } = await replica.read(from, count)
    if (!model.changing && model.contents === before) {
      assert(data.equals(before.subarray(from, from + count)), 'a read returns what was written')
    }
  }

  /** Crashes, perhaps during recovery too, and looks at what is left. */
  async crash(): Promise<void> {
    const how = this.random.chance(0.5) ? 'kill' : 'power cut'
    let worst: 'kill' | 'power cut' = how
    this.#fall(how)
    if (this.random.chance(0.4)) {
      this.disk.crashAfter(this.random.below(40))
      await this.open().catch((error: unknown) => { if (!this.disk.crashed) throw error })
      this.seen.openCrashes++
      const again = this.random.chance(0.5) ? 'kill' : 'power cut'
      if (again === 'power cut') worst = 'power cut'
      this.#fall(again)
    }
    await this.open()
    for (const [chunk, model] of [...this.models]) await this.#judge(chunk, model, worst)
    for (const { chunk } of this.store.reports()) assert(this.models.has(chunk), 'a replica came from nowhere')
  }

  #fall(how: 'kill' | 'power cut'): void {
    if (how === 'kill') this.disk.kill()
    else this.disk.powerCut()
    if (how === 'kill') this.seen.kills++
    else this.seen.powerCuts++
    this.#cleaning = 0
  }

  async #judge(chunk: ChunkId, model: ReplicaModel, how: 'kill' | 'power cut'): Promise<void> {
    const replica = this.store.get(chunk)
    if (replica === undefined) {
      const mayBeLost = model.removed !== 'no' || (how === 'power cut' && !model.durable)
      assert(mayBeLost, `chunk ${String(chunk)} is lost after a ${how}`)
      // A power cut to come may still bring it back: no one synced its removal.
      model.removed = 'perhaps'
      this.seen.lost++
      return
    }
    if (how === 'kill') assert(model.removed !== 'yes', 'a removed replica is back after a kill')
    assert.notEqual(replica.state, 'corrupt', `chunk ${String(chunk)} is corrupt after a ${how}`)
    await replica.verify()
    const { data } = await replica.read(0, CHUNK_BYTES)
    assert.equal(data.length, replica.lengthBytes)
    // What comes back after it was removed, or given up, interests nobody, as long as it can be told.
    if (model.removed === 'no') model.check(data, how)
    assert(replica.version >= model.versionLeast && replica.version <= model.versionMost,
      `version ${String(replica.version)} is not in ${String(model.versionLeast)}…${String(model.versionMost)}`)
    if (model.removed === 'no') {
      if (how === 'kill' && !model.changing) assert.equal(replica.state, model.state, 'a kill casts no doubt')
      if (how === 'power cut' && model.afterPowerCut !== 'either') {
        assert.equal(replica.state, model.afterPowerCut, `chunk ${String(chunk)} after a power cut`)
      }
    }
    if (replica.state === 'doubtful') this.seen.doubtful++
    this.seen.checked++
    model.goOn(Buffer.from(data), replica.version, replica.state, how)
  }
}

t.test('whatever crashes at whatever call, what was synced is there, and nothing reads as corrupt', async t => {
  const total = { kills: 0, powerCuts: 0, doubtful: 0, changes: 0, checked: 0, lost: 0, openCrashes: 0, copies: 0 }
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    const ordeal = new Ordeal(seed)
    try {
      await ordeal.open()
      for (let round = 0; round < 4; round++) {
        if (ordeal.random.chance(0.9)) ordeal.disk.crashAfter(ordeal.random.below(250))
        await ordeal.work(40)
        await ordeal.crash()
      }
    } catch (error) {
      const what = error instanceof Error ? String(error.stack) : String(error)
      throw new Error(`seed ${String(seed)}: ${what}`, { cause: error })
    }
    for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += ordeal.seen[key]
  }
  t.comment(JSON.stringify(total))
  for (const [what, count] of Object.entries(total)) t.ok(count > 0, `there were ${what}`)
})

t.test('a bit turned in a clean replica is always found', async t => {
  let flips = 0
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    const ordeal = new Ordeal(seed)
    await ordeal.open()
    await ordeal.work(30)
    await ordeal.store.close()
    const filled = [...ordeal.store.reports()].filter(report => report.lengthBytes > 0)
    if (filled.length === 0) continue
    const { chunk, lengthBytes } = ordeal.random.pick(filled)
    const tableEnd = 128 + 4 * Math.ceil(lengthBytes / BLOCK)
    const bit = ordeal.random.chance(0.5)
      ? 8 * dataStart({ inode: 7, index: chunk, chunkSizeBytes: CHUNK_BYTES }) + ordeal.random.below(8 * lengthBytes)
      : ordeal.random.below(8 * tableEnd)
    t.ok(ordeal.disk.flipBit(namesOf(chunk).file, bit), 'the bit was turned')
    flips++
    await ordeal.open()
    const replica = ordeal.store.get(chunk)
    if (replica === undefined) { t.fail('the replica is gone'); continue }
    if (replica.state !== 'corrupt') await t.rejects(replica.verify(), { code: 'corrupt' }, `seed ${String(seed)}`)
    t.equal(replica.state, 'corrupt', `seed ${String(seed)}`)
  }
  t.ok(flips > SEEDS / 2, 'a run that turned nothing proves nothing')
})
