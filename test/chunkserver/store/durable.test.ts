import t from 'tap'
import { namesOf } from '../../../src/chunkserver/store/names.ts'
import { ReplicaStore } from '../../../src/chunkserver/store/store.ts'
import type { ChunkId, ChunkVersion } from '../../../src/protocol/identifiers.ts'
import { limits } from '../../../src/protocol/limits.ts'
import { systemClock } from '../../../src/seams/clock.ts'
import { silentLog } from '../../../src/seams/log.ts'
import { SimulatedDisk } from '../../simulation/disk.ts'
import { SeededRandom } from '../../simulation/random.ts'
import { readReplica } from '../../simulation/replica-file.ts'

const BLOCK = limits.blockBytes
const chunk = 77 as ChunkId
const v1 = 1 as ChunkVersion
const origin = { inode: 5, index: 2, chunkSizeBytes: 64 * BLOCK }
const random = new SeededRandom(4)
const FILE = namesOf(chunk).file

const open = (disk: SimulatedDisk): Promise<ReplicaStore> =>
  ReplicaStore.open({ disk, log: silentLog, clock: systemClock, idleMs: 0 })

function write(offsetBytes: number, lengthBytes: number) {
  return { kind: 'write' as const, extents: [{ offsetBytes, lengthBytes }] }
}

t.test('one sync makes a replica clean, and a power cut right behind it leaves no doubt', async t => {
  let settling = 0
  for (let seed = 1; seed <= 30; seed++) {
    const disk = new SimulatedDisk({ random: new SeededRandom(seed) })
    const store = await open(disk)
    const data = random.bytes(3 * BLOCK + 5)
    const replica = store.create(chunk, v1, origin, data.subarray(0, 100))
    await replica.apply(write(100, data.length - 100), [data.subarray(100)])
    const syncs = disk.syncs
    t.equal(await store.clean(), 1)
    t.equal(disk.syncs - syncs, 1)
    disk.powerCut()
    if (readReplica(disk.contents().get(FILE) ?? Buffer.alloc(0)).header?.mark === 'settling') settling++
    const found = (await open(disk)).get(chunk)
    t.match(found, { state: 'good', isClean: true, isUneven: false }, `seed ${String(seed)}`)
    t.ok((await found?.read(0, data.length))?.data.equals(data))
  }
  t.ok(settling > 0, 'sometimes the header said only how to see it')
})

t.test('what was changed after it was made clean leaves doubt, whatever the disk has of it', async t => {
  for (let seed = 1; seed <= 30; seed++) {
    const disk = new SimulatedDisk({ random: new SeededRandom(seed) })
    const store = await open(disk)
    const replica = store.create(chunk, v1, origin, random.bytes(BLOCK))
    const cleaning = store.clean()
    if (seed % 2 === 0) await cleaning
    await replica.apply(write(7, 5), [Buffer.alloc(5)])
    await cleaning
    disk.powerCut()
    t.equal((await open(disk)).get(chunk)?.state, 'doubtful', `seed ${String(seed)}`)
  }
})

t.test('a sync that the power cut broke off proves nothing', async t => {
  for (let seed = 1; seed <= 30; seed++) {
    const disk = new SimulatedDisk({ random: new SeededRandom(seed) })
    const store = await open(disk)
    const data = random.bytes(3 * BLOCK)
    await store.create(chunk, v1, origin).apply(write(0, data.length), [data])
    void store.clean()
    disk.powerCut()
    const found = (await open(disk)).get(chunk)
    if (found?.state !== 'good') continue
    t.ok((await found.read(0, data.length)).data.equals(data), `seed ${String(seed)}: good only if all of it is there`)
  }
})
