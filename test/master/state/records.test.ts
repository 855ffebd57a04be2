import t from 'tap'
import { encodeNumbers, NumberReader, numbersOf, writeNumbers } from '../../../src/master/state/numbers.ts'
import { decodeChunk, decodeInode, decodeSizes, encodeChunk, encodeInode, type Inode } from '../../../src/master/state/records.ts'
import type { ChunkId, ChunkIndex, ChunkVersion, InodeId } from '../../../src/protocol/identifiers.ts'

const largest = Number.MAX_SAFE_INTEGER

t.test('numbers of every size come back, and take no more bytes than they need', async t => {
  const numbers = [0, 1, 127, 128, 2 ** 14 - 1, 2 ** 14, 2 ** 28 - 1, 2 ** 28, 2 ** 31, 2 ** 32, 2 ** 49, 2 ** 52 + 1, largest]
  const record = encodeNumbers(...numbers)
  const reader = numbersOf(record)
  t.strictSame(numbers.map(() => reader.next()), numbers)
  t.equal(reader.at, record.length)
  t.strictSame([0, 127, 128, 2 ** 28 - 1, 2 ** 28, largest].map(number => encodeNumbers(number).length - 1), [1, 1, 2, 4, 5, 8])
})

t.test('numbers may stand between other bytes', async t => {
  const bytes = Buffer.alloc(20, 255)
  const end = writeNumbers(bytes, 5, [300, 7])
  t.equal(end, 8)
  const reader = new NumberReader(bytes, 5)
  t.strictSame([reader.next(), reader.next(), reader.at], [300, 7, 8])
  t.equal(bytes[4], 255)
  t.equal(bytes[8], 255)
})

t.test('an inode comes back as it was', async t => {
  const file: Inode = {
    type: 'file', mode: 0o7644, links: 1, uid: 1_000, gid: 1_000, device: 0, sizeBytes: 2 ** 26, accessedNs: 1_700_000_000_123_456_789n,
    modifiedNs: -5n, changedNs: 2n ** 62n, contentVersion: 3, chunkSizeBytes: 2 ** 26, chunkCount: 1, parent: 0, hasXattrs: false,
  }
  const directory: Inode = { ...file, type: 'directory', parent: largest, hasXattrs: true, uid: 2 ** 32 - 1 }
  const device: Inode = { ...file, type: 'block-device', device: 2 ** 44 + 7, sizeBytes: largest, contentVersion: largest }
  for (const inode of [file, directory, device]) {
    t.strictSame(decodeInode(encodeInode(inode)), inode)
    const { sizeBytes, chunkSizeBytes } = inode
    t.strictSame(decodeSizes(encodeInode(inode)), { sizeBytes, chunkSizeBytes })
  }
  t.ok(encodeInode(file).length <= 48, `${String(encodeInode(file).length)} bytes`)
  t.throws(() => decodeInode(Buffer.from([1, 0, 0, 0])), { message: /unknown format 1/ })
})

t.test('a chunk comes back as it was', async t => {
  const chunk = {
    chunk: 9 as ChunkId, inode: largest as InodeId, index: 0 as ChunkIndex, version: 2 ** 40 as ChunkVersion, lossVersion: 0 as ChunkVersion,
  }
  for (const each of [chunk, { ...chunk, lossVersion: chunk.version }]) t.strictSame(decodeChunk(each.chunk, encodeChunk(each)), each)
})
