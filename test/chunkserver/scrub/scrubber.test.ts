import t, { type Test } from 'tap'
import { Scrubber, type ScrubConfig } from '../../../src/chunkserver/scrub/scrubber.ts'
import { namesOf } from '../../../src/chunkserver/store/names.ts'
import { dataStart } from '../../../src/chunkserver/store/table.ts'
import { ReplicaStore } from '../../../src/chunkserver/store/store.ts'
import type { ChunkId, ChunkVersion } from '../../../src/protocol/identifiers.ts'
import { silentLog } from '../../../src/seams/log.ts'
import { SimulatedDisk } from '../../simulation/disk.ts'
import { SeededRandom } from '../../simulation/random.ts'
import { World } from '../../simulation/world.ts'

const MiB = 1024 * 1024
const version = 1 as ChunkVersion
const origin = { inode: 1, index: 0, chunkSizeBytes: 4 * MiB }
const HOUR_MS = 3_600_000

/** A store of clean replicas of 1 MiB, in virtual time. */
class Fixture {
  readonly world = new World(3)
  readonly disk = new SimulatedDisk({ random: new SeededRandom(5) })
  readonly scrubbers: Scrubber[] = []
  load = 0
  #store: ReplicaStore | undefined

  static async make(t: Test, replicas: number): Promise<Fixture> {
    const fixture = new Fixture()
    await fixture.reopen()
    for (let chunk = 1; chunk <= replicas; chunk++) await fixture.add(chunk)
    await fixture.store.clean()
    t.teardown(() => Promise.all(fixture.scrubbers.map(scrubber => scrubber.stop())))
    return fixture
  }

  get store(): ReplicaStore {
    if (this.#store === undefined) throw new Error('not open')
    return this.#store
  }

  async reopen(): Promise<void> {
    this.#store = await ReplicaStore.open({ disk: this.disk, log: silentLog, clock: this.world.clock, idleMs: 0 })
  }

  async add(chunk: number): Promise<void> {
    await this.store.create(chunk as ChunkId, version, origin)
      .apply({ kind: 'write', extents: [{ offsetBytes: 0, lengthBytes: MiB }] }, [Buffer.alloc(MiB, chunk)])
  }

  scrub(config: Partial<ScrubConfig> = {}): Scrubber {
    const { disk, store, world: { clock } } = this
    const scrubber = new Scrubber({ disk, store, clock, log: silentLog, load: () => this.load },
      { periodMs: HOUR_MS, bytesPerS: 100 * MiB, ...config })
    this.scrubbers.push(scrubber)
    scrubber.start()
    return scrubber
  }

  async pass(ms: number): Promise<void> {
    let over = false
    this.world.clock.after(ms, () => { over = true })
    await this.world.run(() => over, { stepsMax: 1_000_000, what: 'waiting' })
  }

  states(): string[] {
    return [...this.store.reports()].map(({ state }) => state)
  }
}

t.test('a pass takes the whole period, finds what has rotted, and another follows', async t => {
  const fixture = await Fixture.make(t, 6)
  t.ok(fixture.disk.flipBit(namesOf(5 as ChunkId).file, 8 * dataStart(origin) + 77))
  const scrubber = fixture.scrub()
  await fixture.pass(HOUR_MS / 2 - 1_000)
  t.match(scrubber.status, { state: 'running', checked: 2, errors: 0 })
  t.ok(fixture.states().every(state => state === 'good'), 'not its turn yet')
  await fixture.pass(HOUR_MS / 2)
  t.match(scrubber.status, { last: undefined, errors: 1 })
  t.strictSame(fixture.states(), ['good', 'good', 'good', 'good', 'corrupt', 'good'])
  await fixture.pass(2_000)
  t.match(scrubber.status, { state: 'running', last: { checked: 5, checkedBytes: 6 * MiB, errors: 1 } }, 'the next one runs')
})

t.test('the ceiling holds, however short the period', async t => {
  const fixture = await Fixture.make(t, 10)
  const scrubber = fixture.scrub({ periodMs: 1_000, bytesPerS: MiB })
  await fixture.pass(5_500)
  t.match(scrubber.status, { state: 'running', checkedBytes: 5 * MiB })
  await fixture.pass(5_000)
  t.match(scrubber.status, { last: { checked: 10 } })
})

t.test('what clients do comes first, but not for ever', async t => {
  const fixture = await Fixture.make(t, 4)
  fixture.load = 3
  const scrubber = fixture.scrub({ periodMs: 1 })
  await fixture.pass(900)
  t.equal(scrubber.status.checkedBytes, 0)
  await fixture.pass(8_000)
  t.equal(scrubber.status.last?.checked, 4)
})

t.test('a restart goes on where the last process stopped', async t => {
  const fixture = await Fixture.make(t, 10)
  const first = fixture.scrub()
  await fixture.pass(HOUR_MS / 2)
  const { checked, startedMs } = first.status
  t.ok(checked >= 4)
  await first.stop()
  await fixture.store.close()
  await fixture.reopen()
  const second = fixture.scrub()
  t.match(second.status, { state: 'running', checked, startedMs })
  await fixture.pass(HOUR_MS / 2 + 1_000)
  t.equal(second.status.last?.checked, 10, 'each once')
  await second.stop()
  const file = fixture.disk.open('scrub.json', 'existing')
  file.truncateNow(7)
  const third = fixture.scrub()
  t.match(third.status, { state: 'running', checked: 0, last: undefined }, 'a torn note costs a pass, no more')
})

t.test('what is being written is left for the next pass', async t => {
  const fixture = await Fixture.make(t, 2)
  await fixture.add(3)
  const scrubber = fixture.scrub({ periodMs: 10_000 })
  await fixture.pass(10_500)
  t.match(scrubber.status.last, { checked: 2 })
  await fixture.store.clean()
  await fixture.pass(10_000)
  t.match(scrubber.status.last, { checked: 3 })
})

t.test('without a period it waits for an order, and an order begins anew', async t => {
  const fixture = await Fixture.make(t, 10)
  const scrubber = fixture.scrub({ periodMs: 0 })
  await fixture.pass(48 * HOUR_MS)
  t.match(scrubber.status, { state: 'off', checked: 0, last: undefined })
  scrubber.order(MiB)
  t.match(scrubber.status, { state: 'running', bytesPerS: MiB })
  await fixture.pass(4_500)
  t.equal(scrubber.status.checkedBytes, 4 * MiB)
  scrubber.order(10 * MiB)
  t.equal(scrubber.status.checkedBytes, 0)
  await fixture.pass(1_200)
  t.match(scrubber.status, { state: 'off', last: { checked: 10, errors: 0 } })
})

t.test('a replica that is removed before its turn is none of its business', async t => {
  const fixture = await Fixture.make(t, 3)
  const scrubber = fixture.scrub({ periodMs: 0 })
  scrubber.order(MiB)
  await fixture.pass(1_500)
  fixture.store.remove(2 as ChunkId)
  fixture.store.remove(3 as ChunkId)
  await fixture.pass(2_000)
  t.match(scrubber.status, { state: 'off', last: { checked: 1, errors: 0 } })
})
