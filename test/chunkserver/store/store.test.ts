import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import t from 'tap'
import { checksumInPieces } from '../../../src/chunkserver/store/combined-checksum.ts'
import { HEADER_BYTES } from '../../../src/chunkserver/store/header.ts'
import { namesOf } from '../../../src/chunkserver/store/names.ts'
import { ReplicaStore, type StoreChange } from '../../../src/chunkserver/store/store.ts'
import { dataStart } from '../../../src/chunkserver/store/table.ts'
import { checksumOf } from '../../../src/protocol/checksum.ts'
import type { ChunkId, ChunkVersion } from '../../../src/protocol/identifiers.ts'
import { limits } from '../../../src/protocol/limits.ts'
import { systemClock } from '../../../src/seams/clock.ts'
import { DiskError, type Disk } from '../../../src/seams/disk.ts'
import { folder } from '../../../src/seams/folder.ts'
import { silentLog } from '../../../src/seams/log.ts'
import { SimulatedDisk } from '../../simulation/disk.ts'
import { SeededRandom } from '../../simulation/random.ts'

const BLOCK = limits.blockBytes
const chunk = 77 as ChunkId
const v1 = 1 as ChunkVersion
const v2 = 2 as ChunkVersion
const origin = { inode: 5, index: 2, chunkSizeBytes: 64 * BLOCK }
const random = new SeededRandom(4)
const fileOf = (id: number): string => namesOf(id as ChunkId).file
const FILE = fileOf(chunk)
const FOLDER = namesOf(chunk).folder
/** Where the bytes begin in it. */
const BYTES = dataStart(origin)

const open = (disk: Disk, openReplicasMax = 16): Promise<ReplicaStore> =>
  ReplicaStore.open({ disk, log: silentLog, clock: systemClock, idleMs: 0, openReplicasMax })

const simulated = (totalBytes?: number): SimulatedDisk =>
  new SimulatedDisk({ random: new SeededRandom(9), ...(totalBytes === undefined ? {} : { totalBytes }) })

function write(offsetBytes: number, lengthBytes: number) {
  return { kind: 'write' as const, extents: [{ offsetBytes, lengthBytes }] }
}

function temporaryFolder(): Disk {
  const root = mkdtempSync(path.join(os.tmpdir(), 'dfs-store-'))
  t.teardown(() => { rmSync(root, { recursive: true, force: true }) })
  return folder(root)
}

function storeContract(name: string, make: () => Disk): void {
  t.test(`${name}: reads return what was written, in pieces large and small, before and after a restart`, async t => {
    const disk = make()
    let store = await open(disk)
    const replica = store.create(chunk, v1, origin)
    const expected = Buffer.alloc(20 * BLOCK + 100)
    const put = async (offset: number, length: number): Promise<void> => {
      const data = random.bytes(length)
      data.copy(expected, offset)
      await replica.apply(write(offset, length), [data.subarray(0, 10), data.subarray(10)])
    }
    await put(0, 17 * BLOCK)
    await put(100, 3)
    await put(BLOCK - 1, 2)
    await put(18 * BLOCK + 7, 2 * BLOCK + 93)
    await put(5 * BLOCK + 1, 3 * BLOCK)
    t.equal(replica.lengthBytes, expected.length)
    for (const round of ['before', 'after']) {
      const found = store.get(chunk)
      if (found === undefined) { t.fail('the replica is there'); return }
      const ranges = [[0, expected.length], [3, 10], [BLOCK - 5, 2 * BLOCK], [20 * BLOCK, 5_000]] as const
      for (const [from, count] of ranges) {
        const { data, checksum } = await found.read(from, count)
        t.ok(data.equals(expected.subarray(from, from + count)), `${round}: ${String(count)} bytes at ${String(from)}`)
        t.equal(checksum, checksumOf(data))
      }
      t.equal((await found.read(expected.length + 5, 10)).data.length, 0, 'nothing behind the end')
      await found.verify()
      await store.close()
      store = await open(disk)
    }
    t.strictSame([...store.reports()], [{ chunk, version: v1, lengthBytes: expected.length, state: 'good' }])
  })

  t.test(`${name}: equal contents have equal digests, however they came about`, async t => {
    const store = await open(make())
    const one = store.create(1 as ChunkId, v1, origin)
    const other = store.create(2 as ChunkId, v1, origin)
    const data = random.bytes(3 * BLOCK + 9)
    await one.apply(write(0, data.length), [data], checksumInPieces(data).pieces)
    await one.apply({ kind: 'resize', lengthBytes: 6 * BLOCK + 5 }, [])
    await other.apply(write(6 * BLOCK, 5), [Buffer.alloc(5)])
    await other.apply(write(0, 2 * BLOCK + 1), [data.subarray(0, 2 * BLOCK + 1)])
    t.not(one.digest().tableChecksum, other.digest().tableChecksum)
    await other.patch(6 * BLOCK + 5, [{ offsetBytes: 2 * BLOCK, lengthBytes: BLOCK + 9 }], [data.subarray(2 * BLOCK)])
    t.strictSame(one.digest(), other.digest())
    t.strictSame(one.checksums(), other.checksums())
    await one.verify()
    await store.close()
  })

  t.test(`${name}: a copy takes its place in one step, over an older replica, and not over a newer one`, async t => {
    const disk = make()
    const store = await open(disk)
    await store.create(chunk, v1, origin).apply(write(0, 3), [Buffer.from('old')])
    const data = random.bytes(BLOCK + 3)
    const copy = store.beginCopy(chunk, v2, origin)
    t.throws(() => store.beginCopy(chunk, v2, origin), { code: 'busy' })
    await Promise.all([copy.write(BLOCK, data.subarray(BLOCK)), copy.write(0, data.subarray(0, BLOCK))])
    t.equal(store.get(chunk)?.lengthBytes, 3, 'it counts for nothing until it is finished')
    await copy.finish(2 * BLOCK)
    t.equal(store.get(chunk)?.version, v2)
    t.throws(() => store.beginCopy(chunk, v1, origin), { code: 'stale-replica' })
    const given = store.beginCopy(5 as ChunkId, v1, origin)
    given.abort()
    t.equal(store.get(5 as ChunkId), undefined)
    const again = await open(disk)
    const found = await again.get(chunk)?.read(0, 3 * BLOCK)
    t.ok(found?.data.equals(Buffer.concat([data, Buffer.alloc(BLOCK - 3)])))
    t.equal(again.size, 1)
  })

  t.test(`${name}: a replica may begin with bytes, and is like one that got them later`, async t => {
    const disk = make()
    const store = await open(disk)
    for (const lengthBytes of [0, 1, 5_000, BLOCK]) {
      const data = random.bytes(lengthBytes)
      const [one, other] = [lengthBytes * 2 as ChunkId, lengthBytes * 2 + 1 as ChunkId]
      const begun = store.create(one, v1, origin, data)
      const written = store.create(other, v1, origin)
      await written.apply(write(0, lengthBytes), [data])
      t.strictSame(begun.digest(), written.digest())
      t.equal(disk.sizeOf(fileOf(one)), lengthBytes === 0 ? HEADER_BYTES + 4 : BYTES + lengthBytes)
      await begun.apply(write(lengthBytes, 3), [Buffer.from('end')])
      await begun.sync()
      const { data: read } = await begun.read(0, lengthBytes + 10)
      t.ok(read.equals(Buffer.concat([data, Buffer.from('end')])))
      await begun.verify()
    }
    t.throws(() => store.create(0 as ChunkId, v1, origin, Buffer.alloc(3)), { code: 'already-exists' })
    await store.close()
    const again = await open(disk)
    for (const each of again.chunks()) await again.get(each)?.verify()
  })

  t.test(`${name}: how many bytes all replicas have, as they come, change and go`, async t => {
    const disk = make()
    const store = await open(disk)
    const sum = (): number => [...store.reports()].reduce((bytes, { lengthBytes }) => bytes + lengthBytes, 0)
    const is = (bytes: number, why: string): void => {
      t.equal(sum(), bytes, why)
      t.equal(store.sizeBytes, bytes, why)
    }
    const one = store.create(1 as ChunkId, v1, origin, Buffer.alloc(10))
    const other = store.create(2 as ChunkId, v1, origin)
    is(10, 'made')
    await other.apply(write(0, BLOCK), [Buffer.alloc(BLOCK)])
    await one.apply(write(5, 100), [Buffer.alloc(100)])
    is(BLOCK + 105, 'written')
    await other.apply({ kind: 'resize', lengthBytes: 7 }, [])
    is(112, 'cut')
    const copy = store.beginCopy(1 as ChunkId, v2, origin)
    await copy.write(0, Buffer.alloc(1_000))
    is(112, 'a copy counts for nothing until it is finished')
    await copy.finish()
    is(1_007, 'copied over another')
    store.remove(2 as ChunkId)
    is(1_000, 'removed')
    await store.close()
    t.equal((await open(disk)).sizeBytes, 1_000, 'found by the next process')
  })

  t.test(`${name}: more replicas than files that may be open`, async t => {
    const store = await open(make(), 2)
    await Promise.all(Array.from({ length: 20 }, async (_, number) => {
      const replica = store.create(number as ChunkId, v1, origin)
      await replica.apply(write(0, 100_000), [Buffer.alloc(100_000, number)])
      await replica.sync()
    }))
    for (let number = 0; number < 20; number++) {
      const found = await store.get(number as ChunkId)?.read(99_999, 10)
      t.strictSame(found?.data, Buffer.from([number]))
    }
    t.equal(await store.clean(), 20)
    t.equal(await store.clean(), 0, 'what is clean stays so')
    await store.close()
  })

  t.test(`${name}: a removed replica is gone, and what was not finished too`, async t => {
    const disk = make()
    const store = await open(disk)
    store.create(1 as ChunkId, v1, origin)
    const replica = store.create(2 as ChunkId, v1, origin)
    await store.beginCopy(3 as ChunkId, v1, origin).write(0, Buffer.alloc(10))
    store.remove(2 as ChunkId)
    store.remove(99 as ChunkId)
    await t.rejects(replica.read(0, 1), { code: 'no-such-replica' })
    const again = await open(disk)
    t.strictSame([...again.reports()].map(report => report.chunk), [1])
    t.strictSame(disk.list('chunks/00'), ['1.replica'], 'a half copy was swept up')
  })
}

storeContract('a folder', temporaryFolder)
storeContract('the simulated disk', simulated)

t.test('a part of a rotten block is never overwritten into a valid one', async t => {
  const disk = simulated()
  const store = await open(disk)
  const changes: StoreChange[] = []
  store.onChange(change => changes.push(change))
  const replica = store.create(chunk, v1, origin)
  await replica.apply(write(0, 2 * BLOCK), [Buffer.alloc(2 * BLOCK, 1)])
  t.ok(disk.flipBit(FILE, 8 * (BYTES + BLOCK) + 5))
  await t.rejects(replica.apply(write(BLOCK + 100, 10), [Buffer.alloc(10)]), { code: 'corrupt' })
  t.equal(replica.state, 'corrupt')
  t.match(changes.at(-1), { chunk, state: 'corrupt' })
  t.equal((await replica.read(0, 10)).data.length, 10, 'blocks that match are served')
  await t.rejects(replica.read(BLOCK, 10), { code: 'corrupt' })
  await t.rejects(replica.apply(write(0, BLOCK), [Buffer.alloc(BLOCK)]), { code: 'corrupt' })
  await t.rejects(replica.fence(v2), { code: 'corrupt' })
  t.equal((await open(disk)).get(chunk)?.state, 'corrupt', 'it is remembered')
})

t.test('a full disk leaves the replica as it was, but refuses what follows until it is fenced', async t => {
  const disk = simulated(5 * BLOCK)
  const store = await open(disk)
  const replica = store.create(chunk, v1, origin)
  const before = random.bytes(2 * BLOCK + 50)
  await replica.apply(write(0, before.length), [before])
  await replica.sync()
  await t.rejects(replica.apply(write(before.length, 4 * BLOCK), [Buffer.alloc(4 * BLOCK, 1)]), { code: 'disk-full' })
  t.equal(replica.lengthBytes, before.length)
  t.ok((await replica.read(0, 9 * BLOCK)).data.equals(before))
  await t.rejects(replica.apply(write(0, 1), [Buffer.from('x')]), { code: 'disk-full' }, 'there must be no gap')
  await replica.fence(v2)
  await replica.apply(write(0, 1), [Buffer.from('x')])
  await replica.verify()
  t.equal(replica.state, 'good')
  disk.totalBytes = disk.usedBytes() + 100
  t.throws(() => store.create(100 as ChunkId, v1, origin), { code: 'disk-full' })
  t.equal(store.size, 1)
})

t.test('a sync that failed is never made up for by the next', async t => {
  const disk = simulated()
  const store = await open(disk)
  const replica = store.create(chunk, v1, origin)
  await replica.apply(write(0, 10), [Buffer.alloc(10, 7)])
  disk.fault = new DiskError('EIO', 'the disk is dying')
  await t.rejects(replica.sync(), { code: 'disk-failed' })
  disk.fault = undefined
  await t.rejects(replica.sync(), { code: 'corrupt' })
  t.equal(replica.state, 'corrupt')
  t.equal(await store.clean(), 0)
})

t.test('a replica never goes back to an older version', async t => {
  const disk = simulated()
  const store = await open(disk)
  const replica = store.create(chunk, v1, origin)
  await replica.fence(v2)
  await replica.fence(v2)
  await t.rejects(replica.fence(v1), { code: 'stale-replica' })
  disk.powerCut()
  t.equal((await open(disk)).get(chunk)?.version, v2)
})

t.test('doubt stays, through syncs and restarts, until the master accepts the replica or changes it', async t => {
  const disk = simulated()
  const replica = (await open(disk)).create(chunk, v1, origin)
  await replica.apply(write(0, 10), [Buffer.alloc(10, 7)])
  await replica.sync()
  disk.powerCut()
  const store = await open(disk)
  t.equal(store.get(chunk)?.state, 'doubtful')
  await store.get(chunk)?.fence(v2)
  await store.close()
  disk.powerCut()
  const again = await open(disk)
  t.equal(again.get(chunk)?.state, 'doubtful')
  const changes: StoreChange[] = []
  again.onChange(change => changes.push(change))
  again.get(chunk)?.accept()
  t.match(changes, [{ chunk, state: 'good' }])
  t.equal((await open(disk)).get(chunk)?.state, 'good')
})

t.test('what does not fit the chunk, or its bytes, changes nothing', async t => {
  const replica = (await open(simulated())).create(chunk, v1, origin)
  await t.rejects(replica.apply(write(64 * BLOCK - 1, 2), [Buffer.alloc(2)]), { code: 'invalid' })
  await t.rejects(replica.apply(write(0, 2), [Buffer.alloc(3)]), { code: 'invalid' })
  await t.rejects(replica.apply({ kind: 'resize', lengthBytes: 64 * BLOCK + 1 }, []), { code: 'invalid' })
  await replica.apply(write(0, 2), [Buffer.alloc(2)])
  t.equal(replica.lengthBytes, 2)
})

t.test('what is damaged beyond recognition is reported, and never taken for something else', async t => {
  const disk = simulated()
  const store = await open(disk)
  for (const id of [1, 2, 3]) {
    await store.create(id as ChunkId, v2, origin).apply(write(0, 10), [Buffer.alloc(10, 7)])
  }
  await store.close()
  disk.flipBit(fileOf(1), 8 * (BYTES + 3))
  disk.flipBit(fileOf(2), 8 * 20)
  disk.open(fileOf(3), 'existing').truncateNow(BYTES + 5)
  const again = await open(disk)
  for (const id of [1, 3]) await t.rejects(async () => again.get(id as ChunkId)?.read(0, 10), { code: 'corrupt' })
  t.strictSame([...again.reports()].map(({ chunk: id, version, state }) => ({ id, version, state })), [
    { id: 1, version: v2, state: 'corrupt' },
    { id: 2, version: 0, state: 'corrupt' },
    { id: 3, version: v2, state: 'corrupt' },
  ])
  again.remove(2 as ChunkId)
  t.equal((await open(disk)).size, 2)
})

t.test('a folder of another version of dfs is refused as a whole', async t => {
  const disk = simulated()
  const store = await open(disk)
  store.create(chunk, v1, origin)
  await store.close()
  const file = disk.open(FILE, 'existing')
  const header = Buffer.alloc(128)
  file.readNow(header, 0)
  header.writeUInt8(3, 4)
  header.writeUInt32LE(checksumOf(header.subarray(0, 124)), 124)
  file.writeNow(header, 0)
  await t.rejects(open(disk), { code: 'invalid' })
})

t.test('a change that the master led here ends doubt, and a read waits for a change under way', async t => {
  const disk = simulated()
  await (await open(disk)).create(chunk, v1, origin).fence(v2)
  disk.powerCut()
  const replica = (await open(disk)).get(chunk)
  if (replica === undefined) { t.fail('the replica is there'); return }
  t.equal(replica.state, 'doubtful')
  const big = Buffer.alloc(10 * BLOCK, 3)
  const [, { data }] = await Promise.all([replica.apply(write(0, big.length), [big]), replica.read(0, big.length)])
  t.ok(data.equals(big))
  t.equal(replica.state, 'good')
})

/** What somebody may do to a clean replica's file, by what is found. */
const damages: Record<string, (disk: SimulatedDisk) => void> = {
  'a bit of its bytes': disk => { t.ok(disk.flipBit(FILE, 8 * (BYTES + BLOCK) + 3)) },
  'a bit of its table': disk => { t.ok(disk.flipBit(FILE, 8 * 129)) },
  'a bit of its header': disk => { t.ok(disk.flipBit(FILE, 8 * 17)) },
  'data cut short': disk => { disk.open(FILE, 'existing').truncateNow(BYTES + 100) },
  'data added to': disk => { disk.open(FILE, 'existing').writeNow(Buffer.alloc(9), BYTES + 2 * BLOCK) },
  'cut short in its table': disk => { disk.open(FILE, 'existing').truncateNow(130) },
  'no file': disk => { disk.remove(FILE) },
}

for (const [what, damage] of Object.entries(damages)) {
  t.test(`${what}: found by verifying, though the file is open`, async t => {
    const disk = simulated()
    const store = await open(disk)
    const replica = store.create(chunk, v1, origin)
    await replica.apply(write(0, 2 * BLOCK), [Buffer.alloc(2 * BLOCK, 1)])
    await store.clean()
    await replica.verify()
    const changes: StoreChange[] = []
    store.onChange(change => changes.push(change))
    damage(disk)
    await t.rejects(replica.verify(), { code: 'corrupt' })
    t.match(changes, [{ chunk, state: 'corrupt' }], 'the master hears of it, once')
    store.remove(chunk)
    t.strictSame(disk.list(FOLDER), [], 'and can have it removed')
  })
}

for (const what of ['data cut short', 'data added to', 'cut short in its table']) {
  t.test(`${what}: found when the server starts`, async t => {
    const disk = simulated()
    const store = await open(disk)
    await store.create(chunk, v1, origin).apply(write(0, 2 * BLOCK), [Buffer.alloc(2 * BLOCK, 1)])
    await store.close()
    damages[what]?.(disk)
    t.match([...(await open(disk)).reports()], [{ chunk, version: v1, state: 'corrupt' }])
  })
}

t.test('a replica that changes while it is verified is not taken for a bad one', async t => {
  const store = await open(simulated())
  const replica = store.create(chunk, v1, origin)
  const fill = (byte: number): Promise<void> => replica.apply(write(0, 40 * BLOCK), [Buffer.alloc(40 * BLOCK, byte)])
  await fill(1)
  await store.clean()
  let pieces = 0
  await replica.verify(async () => {
    pieces++
    await fill(pieces + 1)
    if (pieces === 2) await store.clean()
  })
  t.ok(pieces > 1)
  t.equal(replica.state, 'good')
})
