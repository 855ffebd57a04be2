import t from 'tap'
import type { ChunkIndex, ChunkVersion, InodeId } from '../../../src/protocol/identifiers.ts'
import { fixture, root, type Fixture } from '../core-fixture.ts'

const CHUNK_BYTES = 65_536

const indexes = (f: Fixture, inode: InodeId): number[] =>
  f.core.state.chunksOf(inode, 0 as ChunkIndex, 1_000_000).map(({ index }) => index)

const settle = (f: Fixture, inode: InodeId, endBytes: number, oldestVersion?: ChunkVersion): Promise<unknown> =>
  f.do('settle', { inode, endBytes, modifiedNs: 'now', clearSetId: false, caller: root, ...(oldestVersion && { oldestVersion }) })

async function cutTail(f: Fixture, inode: InodeId): Promise<ChunkVersion> {
  const version = await f.core.takeVersion()
  await f.core.submit('cutTail', { inode, version })
  return version
}

/** A file of a chunk and a half, with these chunks behind its end. */
async function fileWith(f: Fixture, behind: number[]): Promise<{ inode: InodeId, written: ChunkVersion }> {
  const inode = await f.fileWithChunks('file', [0, 1])
  await f.do('setAttributes', { inode, changes: { sizeBytes: CHUNK_BYTES * 1.5 }, caller: root })
  let written = 0 as ChunkVersion
  for (const index of behind) {
    written = (await f.core.submit('allocateChunk', { stamp: f.stamp(), inode, index: index as ChunkIndex })).version
  }
  return { inode, written }
}

t.test('chunks behind the end of the file go, those inside stay', async t => {
  const f = await fixture(t)
  const { inode } = await fileWith(f, [2, 5])
  const { contentVersion } = f.attributes(inode)
  await cutTail(f, inode)
  t.strictSame(indexes(f, inode), [0, 1])
  t.equal(f.freed.length, 2)
  t.equal(f.core.state.inode(inode)?.chunkCount, 2)
  t.equal(f.core.state.chunkCount, 2)
  t.equal(f.attributes(inode).sizeBytes, CHUNK_BYTES * 1.5)
  t.ok(f.attributes(inode).contentVersion > contentVersion, 'clients forget where its chunks were')
})

t.test('thousands of them go a bounded number at a time', async t => {
  const f = await fixture(t)
  const { inode } = await fileWith(f, [])
  const many = 4_100
  await Promise.all(Array.from({ length: many }, (_, at) =>
    f.core.submit('allocateChunk', { stamp: f.stamp(), inode, index: 2 + at as ChunkIndex })))
  await cutTail(f, inode)
  t.strictSame(indexes(f, inode), [0, 1])
  while (f.core.state.trimmed().length > 0) await f.core.submit('collect', { inodes: [] })
  t.equal(f.freed.length, many)
})

t.test('a writer that comes too late is told that its bytes are gone; others are not', async t => {
  const f = await fixture(t)
  const { inode, written } = await fileWith(f, [2])
  const cut = await cutTail(f, inode)
  const sizeBytes = CHUNK_BYTES * 1.5
  await t.rejects(settle(f, inode, CHUNK_BYTES * 2 + 1, written), { code: 'bytes-lost' })
  await t.rejects(settle(f, inode, sizeBytes + 1, written), { code: 'bytes-lost' })
  t.equal(f.attributes(inode).sizeBytes, sizeBytes)
  await t.resolves(settle(f, inode, sizeBytes, written), 'what is inside was not touched')
  await t.resolves(settle(f, inode, CHUNK_BYTES * 2, cut + 1 as ChunkVersion), 'under a later version')
  await t.rejects(settle(f, inode, sizeBytes + 1, written), { code: 'bytes-lost' }, 'though the file is longer by now')
})

t.test('a second cut further out does not let in who wrote before the first', async t => {
  const f = await fixture(t)
  const { inode, written } = await fileWith(f, [2])
  const first = await cutTail(f, inode)
  await settle(f, inode, CHUNK_BYTES * 4, first + 1 as ChunkVersion)
  await cutTail(f, inode)
  await t.rejects(settle(f, inode, CHUNK_BYTES * 2 + 1, written), { code: 'bytes-lost' })
})

t.test('a crash forgets nothing of a cut, whether the state is there or made anew from the journal', async t => {
  for (const how of ['process', 'power'] as const) {
    const f = await fixture(t)
    const { inode, written } = await fileWith(f, [2, 3])
    await cutTail(f, inode)
    await f.crash(how)
    t.strictSame(indexes(f, inode), [0, 1], how)
    await t.rejects(settle(f, inode, CHUNK_BYTES * 3, written), { code: 'bytes-lost' })
  }
})

t.test('a file that is gone has nothing to cut, and the mark goes with its file', async t => {
  const f = await fixture(t)
  const { inode } = await fileWith(f, [2])
  await cutTail(f, inode)
  t.ok(f.core.state.tailCutOf(inode))
  await f.do('unlink', { parent: 1 as InodeId, name: 'file' as never, caller: root })
  await f.core.submit('collect', { inodes: [inode] })
  t.notOk(f.core.state.tailCutOf(inode))
  await t.resolves(cutTail(f, inode))
})
