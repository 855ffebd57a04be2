import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import t from 'tap'
import type { Disk } from '../../src/seams/disk.ts'
import { folder } from '../../src/seams/folder.ts'
import { payloadMemory } from '../../src/seams/payloads.ts'
import { QuickSyncs, type Syncs } from '../../src/seams/syncs.ts'
import { SimulatedDisk } from '../simulation/disk.ts'
import { SeededRandom } from '../simulation/random.ts'

function temporaryFolder(syncs?: Syncs): Disk {
  const root = mkdtempSync(path.join(os.tmpdir(), 'dfs-disk-'))
  t.teardown(() => { rmSync(root, { recursive: true, force: true }) })
  return folder(root, syncs)
}

function text(disk: Disk, name: string): string {
  const file = disk.open(name, 'existing')
  const bytes = Buffer.alloc(file.sizeBytes())
  file.readNow(bytes, 0)
  file.close()
  return bytes.toString()
}

function diskContract(name: string, make: () => Disk): void {
  t.test(`${name}: what is written is read, in the small way and in the large`, async t => {
    const file = make().open('a/b/file', 'create')
    file.writeNow(Buffer.from('hello'), 3)
    t.equal(file.sizeBytes(), 8)
    await file.write([Buffer.alloc(100_000, 'x'), Buffer.from('end')], 8)
    const into = Buffer.alloc(200_000)
    t.equal(await file.read(into, 0), 100_011)
    t.equal(into.subarray(0, 9).toString(), '\0\0\0hellox')
    t.equal(into.subarray(100_008, 100_011).toString(), 'end')
    t.equal(file.readNow(Buffer.alloc(10), 100_008), 3, 'short at the end')
    file.truncateNow(4)
    t.equal(file.sizeBytes(), 4)
    await file.sync()
    file.close()
  })

  t.test(`${name}: writes past the page cache and through it, mixed, leave what was written last`, async t => {
    const disk = make()
    const file = disk.open('file', 'create')
    const expected = Buffer.alloc(2 * 1024 * 1024 + 5_000)
    const write = async (bytes: Buffer[], offsetBytes: number): Promise<void> => {
      await file.write(bytes, offsetBytes)
      Buffer.concat(bytes).copy(expected, offsetBytes)
    }
    const slab = (bytes: number, fill: string): Buffer => payloadMemory(bytes).fill(fill)
    await write([slab(1024 * 1024, 'a')], 0)
    await write([Buffer.from('small')], 4_090)
    await write([slab(1024 * 1024, 'b'), slab(5_000, 'c')], 1024 * 1024)
    await write([slab(300_000, 'd')], 8_192)
    disk.rename('file', 'renamed')
    await write([slab(512 * 1024, 'e'), Buffer.from('tail')], 512 * 1024)
    await write([slab(512 * 1024, 'f')], 100)
    const into = Buffer.alloc(expected.length)
    t.equal(await file.read(into, 0), expected.length)
    t.ok(into.equals(expected))
    await file.sync()
    file.close()
  })

  t.test(`${name}: names come, move and go`, async t => {
    const disk = make()
    t.strictSame(disk.list('folder'), [])
    t.throws(() => disk.open('folder/one', 'existing'), { code: 'ENOENT' })
    const file = disk.open('folder/one', 'create')
    file.writeNow(Buffer.from('1'), 0)
    file.close()
    disk.open('folder/two', 'create').close()
    disk.rename('folder/one', 'folder/two')
    await disk.syncFolder('folder')
    t.strictSame(disk.list('folder'), ['two'])
    t.equal(disk.sizeOf('folder/two'), 1)
    t.equal(disk.sizeOf('folder/one'), undefined)
    t.equal(text(disk, 'folder/two'), '1')
    disk.remove('folder/two')
    disk.remove('folder/two')
    t.strictSame(disk.list('folder'), [])
    disk.open('folder/large', 'create').close()
    await disk.removeLarge('folder/large')
    await disk.removeLarge('folder/large')
    t.strictSame(disk.list('folder'), [])
  })

  t.test(`${name}: a file that is to be empty is made, or loses what it had`, t => {
    const disk = make()
    for (const round of ['made', 'found']) {
      const file = disk.open('folder/file', 'empty')
      t.equal(file.sizeBytes(), 0, round)
      file.writeNow(Buffer.from('hello'), 0)
      file.close()
    }
    t.end()
  })

  t.test(`${name}: tells its room and its boot`, async t => {
    const disk = make()
    const { totalBytes, freeBytes } = disk.capacity()
    t.ok(totalBytes >= freeBytes && freeBytes > 0)
    t.equal(disk.bootId(), disk.bootId())
  })
}

diskContract('a folder', () => temporaryFolder())
diskContract('a folder with quick syncs', () => temporaryFolder(new QuickSyncs()))
diskContract('the simulated disk', () => new SimulatedDisk({ random: new SeededRandom(1) }))

t.test('a power cut keeps what was synced and forgets some of what was not', async t => {
  let lostBytes = 0
  let lostNames = 0
  for (let seed = 1; seed <= 40; seed++) {
    const disk = new SimulatedDisk({ random: new SeededRandom(seed) })
    const file = disk.open('folder/synced', 'create')
    file.writeNow(Buffer.alloc(8192, 's'), 0)
    await file.sync()
    await disk.syncFolder('folder')
    file.writeNow(Buffer.alloc(8192, 'u'), 8192)
    disk.open('folder/unsynced', 'create').close()
    const boot = disk.bootId()
    disk.powerCut()
    t.not(disk.bootId(), boot)
    const left = text(disk, 'folder/synced')
    t.equal(left.slice(0, 8192), 's'.repeat(8192), `seed ${seed}: synced bytes are there`)
    if (left.slice(8192) !== 'u'.repeat(8192)) lostBytes++
    if (!disk.list('folder').includes('unsynced')) lostNames++
    t.throws(() => { file.writeNow(Buffer.from('x'), 0) }, { code: 'ECRASH' }, 'the old process writes no more')
  }
  t.ok(lostBytes > 5 && lostBytes < 40 && lostNames > 5 && lostNames < 40, 'unsynced things are lost sometimes')
})

t.test('a kill keeps everything written, and stops at the call it was told', async t => {
  const disk = new SimulatedDisk({ random: new SeededRandom(1) })
  const file = disk.open('file', 'create')
  disk.crashAfter(1)
  file.writeNow(Buffer.from('kept'), 0)
  t.throws(() => { file.writeNow(Buffer.from('never'), 0) }, { code: 'ECRASH' })
  t.ok(disk.crashed)
  disk.kill()
  t.equal(text(disk, 'file'), 'kept')
})

t.test('a full disk says so', async t => {
  const disk = new SimulatedDisk({ random: new SeededRandom(1), totalBytes: 10_000 })
  const file = disk.open('file', 'create')
  file.writeNow(Buffer.alloc(9_000), 0)
  t.throws(() => { file.writeNow(Buffer.alloc(2_000), 9_000) }, { code: 'ENOSPC' })
  t.equal(disk.capacity().freeBytes, 1_000)
})
