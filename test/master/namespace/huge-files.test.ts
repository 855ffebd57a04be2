import t from 'tap'
import type { ChunkIndex, InodeId } from '../../../src/protocol/identifiers.ts'
import { attributes } from '../../../src/master/namespace/read.ts'
import { fixture, nameOf, root, type Fixture } from '../core-fixture.ts'

const CHUNKS = 10_000
const SIZE = 65_536

async function hugeFile(f: Fixture): Promise<InodeId> {
  const inode = await f.file('huge')
  const stamp = f.stamp()
  await Promise.all(Array.from({ length: CHUNKS }, (_, index) =>
    f.core.submit('allocateChunk', { stamp, inode, index: index as ChunkIndex })))
  await f.do('settle', { inode, endBytes: CHUNKS * SIZE, modifiedNs: 'now', clearSetId: false, caller: root })
  return inode
}

const indexes = (f: Fixture, inode: InodeId): number[] =>
  f.core.state.chunksOf(inode, 0 as ChunkIndex, CHUNKS + 10).map(({ index }) => index)

const cut = (f: Fixture, inode: InodeId, sizeBytes: number): Promise<unknown> =>
  f.do('setAttributes', { inode, changes: { sizeBytes }, caller: root })

const allocate = async (f: Fixture, inode: InodeId, index: number): Promise<number> =>
  (await f.core.submit('allocateChunk', { stamp: f.stamp(), inode, index: index as ChunkIndex })).chunk

/** When everything under way has been applied. */
const settled = async (f: Fixture): Promise<void> => {
  for (let round = 0; round < 8; round++) await f.core.submit('collect', { inodes: [] })
}

t.test('a cut of a huge file is seen at once and worked off in pieces; what is written meanwhile stays', async t => {
  const f = await fixture(t)
  const inode = await hugeFile(f)
  const chunks = [...f.core.state.eachChunk()].map(({ chunk }) => chunk)
  const cutting = cut(f, inode, 100 * SIZE)
  // In the same batch as the cut, so before any piece is worked off: one far behind, one near.
  const [, far, near] = await Promise.all([cutting, allocate(f, inode, 9_999), allocate(f, inode, 100)])
  t.strictSame(indexes(f, inode), [...Array.from({ length: 101 }, (_, index) => index), 9_999])
  t.equal([...f.core.state.eachChunk()].length, 102)
  t.equal(f.core.state.inode(inode)?.chunkCount, 102)
  t.equal(f.core.state.chunk(chunks[500] as never), undefined, 'hidden chunks are no chunks')
  await cut(f, inode, 101 * SIZE)
  t.equal(attributes(f.core.state, { inode }).allocatedBytes, 101 * SIZE)
  await settled(f)
  t.equal(f.core.state.chunkCount, 101)
  t.strictSame(f.core.state.trimmed(), [])
  t.strictSame([...f.freed].sort((one, two) => one - two), [...chunks.slice(100), far].sort((one, two) => one - two))
  t.ok(f.core.state.chunkAt(inode, 100 as ChunkIndex)?.chunk === near)
})

t.test('pieces are bounded', async t => {
  const f = await fixture(t)
  const inode = await hugeFile(f)
  const sizes: number[] = []
  f.core.onFreed(freed => { sizes.push(freed.length) })
  await cut(f, inode, 0)
  await settled(f)
  t.strictSame(sizes, [2_048, 2_048, 2_048, 2_048, CHUNKS - 4 * 2_048])
})

t.test('a crash amid a cut: the next start goes on with it', async t => {
  for (const how of ['process', 'power'] as const) {
    const f = await fixture(t)
    const inode = await hugeFile(f)
    await cut(f, inode, 50 * SIZE)
    t.ok(f.core.state.trimmed().length > 0)
    await f.crash(how)
    t.equal(indexes(f, inode).length, 50)
    await settled(f)
    t.equal(f.core.state.chunkCount, 50)
    t.strictSame(f.core.state.trimmed(), [])
  }
})

t.test('a huge file cut, held open and unlinked stays until it is closed, and then goes wholly', async t => {
  const f = await fixture(t)
  const inode = await hugeFile(f)
  f.core.sessions.open(f.session, inode)
  await f.do('unlink', { parent: 1 as InodeId, name: nameOf('huge'), caller: root })
  await Promise.all([cut(f, inode, 5_000 * SIZE), allocate(f, inode, 7_000)])
  await settled(f)
  t.equal(indexes(f, inode).length, 5_001)
  await f.do('dropChunks', { inode, first: 100 as ChunkIndex, count: 4_800, caller: root })
  f.core.sessions.close(f.session, [{ inode, count: 1 }])
  await settled(f)
  t.equal(f.core.state.inode(inode), undefined)
  t.equal(f.core.state.chunkCount, 0)
  t.equal(f.freed.length, CHUNKS + 1)
  t.equal(new Set(f.freed).size, CHUNKS + 1)
})
