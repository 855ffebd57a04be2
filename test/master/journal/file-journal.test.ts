import t from 'tap'
import { DiskError } from '../../../src/seams/disk.ts'
import { FileJournal } from '../../../src/master/journal/file-journal.ts'
import { decodeRecord, encodeRecord, findRecord } from '../../../src/master/journal/record.ts'
import { SimulatedDisk } from '../../simulation/disk.ts'
import { SeededRandom } from '../../simulation/random.ts'

const SEGMENT = 'journal/journal-0000000000000001'

const makeDisk = (seed = 1): SimulatedDisk => new SimulatedDisk({ random: new SeededRandom(seed) })

async function read(disk: SimulatedDisk, from = 1): Promise<{ journal: FileJournal, entries: unknown[] }> {
  const entries: unknown[] = []
  const journal = await FileJournal.open(disk, { from, visit: (_first, some) => { entries.push(...some) } })
  return { journal, entries }
}

/** A journal of three records; where each begins, and where the last ends. */
async function threeRecords(disk: SimulatedDisk): Promise<number[]> {
  const { journal } = await read(disk)
  const begins: number[] = []
  for (const word of ['one', 'two', 'three']) {
    begins.push(journal.bytesSinceRoll + 16)
    await journal.append([word, { word, time: 5n, bytes: Buffer.from(word) }])
  }
  begins.push(journal.bytesSinceRoll + 16)
  await journal.close()
  return begins
}

t.test('entries come back in their order and as they were', async t => {
  const disk = makeDisk()
  await threeRecords(disk)
  const { journal, entries } = await read(disk)
  t.equal(journal.nextIndex, 7)
  t.equal(entries.length, 6)
  t.match(entries[3], { word: 'two', time: 5n })
})

t.test('a record whose sync failed and that is read after all survives the next power cut', async t => {
  // Longer than a page: the one at its end is written again with the next record.
  const two = 'two'.repeat(10_000)
  for (let seed = 1; seed <= 20; seed++) {
    const disk = makeDisk(seed)
    const { journal } = await read(disk)
    await journal.append(['one'])
    disk.syncFault = new DiskError('EIO', 'worn out')
    await t.rejects(journal.append([two]), { code: 'journal-failed' })
    disk.syncFault = undefined
    // The process ends, and the next one finds the record in the page cache, which takes it for written.
    disk.kill()
    const again = await read(disk)
    t.strictSame(again.entries, ['one', two])
    await again.journal.append(['three'])
    disk.powerCut()
    t.strictSame((await read(disk)).entries, ['one', two, 'three'], `seed ${String(seed)}`)
  }
})

t.test('a record torn at the end, at any byte, is the end; what follows is written over it', async t => {
  const [, , third = 0, end = 0] = await threeRecords(makeDisk())
  for (let cut = third + 1; cut < end; cut++) {
    for (const rest of ['gone', 'zeros'] as const) {
      const disk = makeDisk(cut)
      await threeRecords(disk)
      const file = disk.open(SEGMENT, 'existing')
      if (rest === 'gone') file.truncateNow(cut)
      else file.writeNow(Buffer.alloc(end - cut), cut)
      const { journal, entries } = await read(disk)
      t.equal(entries.length, 4, `cut at ${cut}, the rest ${rest}`)
      await journal.append(['again'])
      await journal.close()
      t.equal((await read(disk)).entries.length, 5)
    }
  }
})

t.test('what is written ahead is in nobody\'s way: not at a start, not in a segment that others follow', async t => {
  const disk = makeDisk()
  const { journal } = await read(disk)
  await journal.append(['one'])
  await journal.close()
  t.ok((disk.contents().get(SEGMENT)?.length ?? 0) > 100_000)
  const again = await read(disk)
  t.same(again.entries, ['one'])
  // Far more than was written ahead, and more at once.
  const long = Array.from({ length: 40 }, (_, index) => Buffer.alloc(20_000 + index, 'x'))
  for (const bytes of long) await again.journal.append([bytes])
  await again.journal.append([Buffer.alloc(1_000_000, 'y')])
  await again.journal.roll()
  await again.journal.append(['two'])
  await again.journal.close()
  const { entries } = await read(disk)
  t.equal(entries.length, 1 + long.length + 2)
  t.equal(entries.at(-1), 'two')
})

t.test('a damaged last record looks torn, but a damaged one before it stops the start and names the place', async t => {
  for (const record of [0, 1, 2]) {
    const disk = makeDisk()
    const begins = await threeRecords(disk)
    const at = begins[record] ?? 0
    t.ok(disk.flipBit(SEGMENT, (at + 12) * 8))
    if (record === 2) {
      t.equal((await read(disk)).entries.length, 4)
    } else {
      await t.rejects(read(disk), { code: 'journal-failed', message: new RegExp(`${SEGMENT} at ${at}: .*${begins[record + 1] ?? 0}`) })
    }
  }
})

t.test('damage of the length field, too, is told from the end', async t => {
  const disk = makeDisk()
  const [, second = 0] = await threeRecords(disk)
  disk.flipBit(SEGMENT, second * 8 + 6)
  await t.rejects(read(disk), { code: 'journal-failed' })
})

t.test('damage in a segment that others follow stops the start, be it in its last record or its header', async t => {
  for (const where of ['record', 'header', 'short'] as const) {
    const disk = makeDisk()
    const { journal } = await read(disk)
    await journal.append(['one'])
    await journal.roll()
    await journal.append(['two'])
    await journal.close()
    t.same((await read(disk)).entries, ['one', 'two'])
    if (where === 'record') disk.flipBit(SEGMENT, 30 * 8)
    else if (where === 'header') disk.flipBit(SEGMENT, 3)
    else disk.open(SEGMENT, 'existing').truncateNow(20)
    await t.rejects(read(disk), { code: 'journal-failed', message: /later segment/ })
  }
})

t.test('a missing segment stops the start', async t => {
  const disk = makeDisk()
  const { journal } = await read(disk)
  for (const word of ['one', 'two', 'three']) {
    await journal.append([word])
    await journal.roll()
  }
  await journal.close()
  disk.remove('journal/journal-0000000000000002')
  await t.rejects(read(disk), { code: 'journal-failed' })
})

t.test('what a checkpoint holds is forgotten by whole segments, and needed no more', async t => {
  const disk = makeDisk()
  const { journal } = await read(disk)
  for (const word of ['one', 'two', 'three']) {
    await journal.append([word])
    await journal.roll()
  }
  await journal.forgetBefore(3)
  await journal.close()
  t.equal(disk.list('journal').length, 2)
  t.same((await read(disk, 3)).entries, ['three'])
  await t.rejects(read(disk, 2), { code: 'journal-failed', message: /missing/ })
  await t.rejects(read(disk, 6), { code: 'journal-failed', message: /ends with entry 3/ })
})

t.test('a segment whose making was interrupted is made again', async t => {
  for (const bytes of [0, 5, 16]) {
    const disk = makeDisk()
    const { journal } = await read(disk)
    await journal.append(['one'])
    await journal.close()
    disk.open('journal/journal-0000000000000002', 'create').truncateNow(bytes)
    const again = await read(disk)
    t.same(again.entries, ['one'])
    await again.journal.append(['two'])
    await again.journal.close()
    t.same((await read(disk)).entries, ['one', 'two'])
  }
})

t.test('whatever a power cut takes of an append under way, all before is there and nothing stops the start', async t => {
  let torn = 0
  for (let seed = 1; seed <= 60; seed++) {
    const disk = makeDisk(seed)
    const { journal } = await read(disk)
    await journal.append(['synced'])
    // Large, so that its pages may survive without each other; a crash falls before the sync.
    disk.crashAfter(seed % 2 === 0 ? 1 : 2)
    await journal.append([Buffer.alloc(40_000, seed), Buffer.alloc(40_000, seed)]).catch(() => { torn++ })
    disk.powerCut()
    const { entries } = await read(disk)
    t.ok(entries.length === 1 || entries.length === 3)
    t.equal(entries[0], 'synced')
  }
  t.equal(torn, 60)
})

t.test('after a failed append nothing is appended any more', async t => {
  const disk = makeDisk()
  const { journal } = await read(disk)
  disk.fault = new DiskError('EIO', 'no')
  await t.rejects(journal.append(['a']), { code: 'journal-failed', message: /journal-0000000000000001/ })
  disk.fault = undefined
  await t.rejects(journal.append(['b']), { code: 'journal-failed' })
})

t.test('a record is found behind garbage, and not within itself', async t => {
  const record = encodeRecord(1, [encodeRecord(2, ['inner']).toString('latin1')])
  const segment = Buffer.concat([Buffer.alloc(100, 7), record])
  t.equal(findRecord(segment, { behind: 0, before: segment.length }), 100)
  t.equal(decodeRecord(segment, 100)?.firstIndex, 1)
  t.equal(decodeRecord(segment, 99), undefined)
})

t.test('a record as the first version wrote it can still be read', async t => {
  const shipped = Buffer.from(
    '000000257a67e9b10192079196a46d616b6581a161d30000000000000001d300000000000000050200ce00010000', 'hex')
  const record = decodeRecord(shipped, 0)
  t.match(record, { firstIndex: 7, count: 1, end: shipped.length })
  t.same(record?.entries(), [['make', { a: 1n }, 5n, 2, 0, 65_536]])
})

t.test('first index and number of entries are known before a record is taken apart', t => {
  for (const firstIndex of [1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]) {
    for (const count of [1, 15, 16, 256, 70_000]) {
      const record = decodeRecord(encodeRecord(firstIndex, Array.from({ length: count }, () => 1)), 0)
      t.match(record, { firstIndex, count })
      t.equal(record?.entries().length, count)
    }
  }
  t.end()
})

t.test('entries in front of those that are wanted are not shown', async t => {
  const disk = makeDisk()
  const { journal } = await read(disk)
  for (const entries of [['a'], ['b', 'c'], ['d']]) await journal.append(entries)
  await journal.close()
  t.strictSame((await read(disk, 3)).entries, ['b', 'c', 'd'])
  t.strictSame((await read(disk, 4)).entries, ['d'])
})
