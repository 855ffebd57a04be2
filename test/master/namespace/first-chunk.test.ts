import t from 'tap'
import { ROOT_INODE, type ChunkIndex, type InodeId } from '../../../src/protocol/identifiers.ts'
import { fixture, nameOf, root, type Fixture } from '../core-fixture.ts'

const FIRST = 0 as ChunkIndex

function create(f: Fixture, name: string, write = true): Promise<{ inode: InodeId, allocatedBytes: number }> {
  return f.do('create', {
    parent: ROOT_INODE, name: nameOf(name), mode: 0o644, exclusive: false, read: true, write, truncate: false, caller: root,
  })
}

const settle = (f: Fixture, inode: InodeId, usedFirst?: number) => f.do('settle', {
  inode, endBytes: 10, modifiedNs: 'now', clearSetId: false, caller: root,
  ...(usedFirst === undefined ? {} : { usedFirst: usedFirst as never }),
})

async function open(t: { teardown: (run: () => Promise<void>) => void }): Promise<Fixture> {
  const f = await fixture(t)
  f.core.makeChunksWhile(() => true)
  return f
}

t.test('a file that is created to be written has its first chunk at once', async t => {
  const f = await open(t)
  const { inode, allocatedBytes } = await create(f, 'file')
  t.ok(f.core.state.chunkAt(inode, FIRST), 'journalled with it')
  t.equal(allocatedBytes, 0, 'though there is nothing in it')
  const read = await create(f, 'to-be-read', false)
  t.notOk(f.core.state.chunkAt(read.inode, FIRST))
  f.core.makeChunksWhile(() => false)
  t.notOk(f.core.state.chunkAt((await create(f, 'no-servers')).inode, FIRST))
  const again = await create(f, 'file')
  t.equal(again.inode, inode)
  t.equal(f.core.state.chunkCount, 1, 'opening it makes no other')
})

t.test('the chunk goes when nobody has the file open any more, unless somebody has written to it', async t => {
  const f = await open(t)
  const [unused, used, asked, sparse] = await Promise.all(['unused', 'used', 'asked', 'sparse'].map(name => create(f, name)))
  if (!unused || !used || !asked || !sparse) throw new Error('four files were asked for')
  const chunkOf = (inode: InodeId): number | undefined => f.core.state.chunkAt(inode, FIRST)?.chunk
  await settle(f, used.inode, chunkOf(used.inode))
  await f.core.submit('allocateChunk', { stamp: f.stamp(), inode: asked.inode, index: FIRST })
  await settle(f, sparse.inode)
  const gone = [chunkOf(unused.inode), chunkOf(sparse.inode)]
  const kept = [chunkOf(used.inode), chunkOf(asked.inode)]
  f.core.sessions.close(f.session, [unused, used, asked, sparse].map(({ inode }) => ({ inode, count: 1 })))
  await f.core.submit('collect', { inodes: [] })
  t.strictSame(f.freed.toSorted(), gone.toSorted())
  t.strictSame([chunkOf(used.inode), chunkOf(asked.inode)], kept)
  t.equal(f.at('unused').sizeBytes, 0, 'the file itself stays')
  t.equal(f.core.state.inode(sparse.inode)?.chunkCount, 0)
  t.strictSame(f.core.state.unwritten(), [])
  const next = await f.core.submit('allocateChunk', { stamp: f.stamp(), inode: unused.inode, index: FIRST })
  t.ok(next.created && !gone.includes(next.chunk), 'and gets another chunk when it is written')
})

t.test('a chunk that is about to go is known as such, whoever opens its file meanwhile', async t => {
  const f = await open(t)
  const { inode } = await create(f, 'file')
  t.notOk(f.core.isCollecting(inode))
  // The answer was lost, and the client says over its next connection that it has nothing open.
  f.core.sessions.resume(f.session, 'client', [])
  t.ok(f.core.isCollecting(inode))
  await f.core.submit('collect', { inodes: [] })
  await new Promise(resolve => { setImmediate(resolve) })
  t.notOk(f.core.isCollecting(inode), 'it has gone')
  t.notOk(f.core.state.chunkAt(inode, FIRST))
})

t.test('a file that is opened while its last handle is given back may lose its chunk all the same', async t => {
  const f = await open(t)
  const { inode } = await create(f, 'file')
  const opening = create(f, 'file')
  // Journalled by itself, before the collecting that the close begins.
  const { syncs } = f.disk
  while (f.disk.syncs === syncs) await Promise.resolve()
  f.core.sessions.close(f.session, [{ inode, count: 1 }])
  await opening
  t.ok(f.core.isCollecting(inode) || f.core.state.chunkAt(inode, FIRST) === undefined)
})

t.test('a chunk without bytes is known after a crash, and goes when nobody claims its file', async t => {
  for (const how of ['process', 'power'] as const) {
    const f = await open(t)
    const { inode } = await create(f, 'file')
    await f.crash(how)
    t.ok(f.core.state.isUnwritten(inode), how)
    f.core.sessions.resume(f.session, 'client', [{ inode, count: 1 }])
    await f.core.submit('collect', { inodes: [] })
    t.ok(f.core.state.chunkAt(inode, FIRST), 'its writer is still there')
    await f.core.sessions.end(f.session)
    await f.core.submit('collect', { inodes: [] })
    t.notOk(f.core.state.chunkAt(inode, FIRST))
  }
})

t.test('a chunk without bytes goes with its file, or with what is cut from it', async t => {
  const f = await open(t)
  const cut = await create(f, 'cut')
  const removed = await create(f, 'removed')
  await f.do('setAttributes', { inode: cut.inode, changes: { sizeBytes: 0 }, caller: root })
  await f.do('unlink', { parent: ROOT_INODE, name: nameOf('removed'), caller: root })
  f.core.sessions.close(f.session, [{ inode: removed.inode, count: 1 }])
  await f.core.submit('collect', { inodes: [] })
  t.equal(f.core.state.chunkCount, 0)
  t.strictSame(f.core.state.unwritten(), [])
})
