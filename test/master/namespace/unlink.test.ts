import t from 'tap'
import { ROOT_INODE } from '../../../src/protocol/identifiers.ts'
import { alice, bob, fixture, nameOf, root } from '../core-fixture.ts'

const gone = (name: string, { parent = ROOT_INODE, caller = root } = {}): { parent: typeof ROOT_INODE, name: ReturnType<typeof nameOf>, caller: typeof root } =>
  ({ parent, name: nameOf(name), caller })

t.test('a file with two names loses one and keeps its chunks', async t => {
  const f = await fixture(t)
  const inode = await f.fileWithChunks('one', [0])
  await f.do('link', { inode, parent: ROOT_INODE, name: nameOf('two'), caller: root })
  t.equal(f.attributes(inode).links, 2)
  t.equal(f.attributes(inode).changedNs, f.atNs)
  await f.do('unlink', gone('one'))
  t.match(f.attributes(inode), { links: 1, changedNs: f.atNs })
  t.equal(f.attributes(ROOT_INODE).modifiedNs, f.atNs)
  t.strictSame(f.freed, [])
})

t.test('with the last name a file nobody has open goes, chunks and attributes too', async t => {
  const f = await fixture(t)
  const inode = await f.fileWithChunks('file', [0, 1, 5])
  await f.do('setXattr', { inode, name: 'user.x' as never, value: Buffer.from('1'), mode: 'any', caller: root })
  await f.do('unlink', gone('file'))
  await f.core.submit('collect', { inodes: [] })
  t.equal(f.core.state.inode(inode), undefined)
  t.strictSame(f.freed, [1, 2, 3])
  t.equal(f.core.state.chunkCount, 0)
  t.strictSame(f.core.state.xattrsOf(inode), [])
  t.strictSame(f.core.state.orphans(), [])
  t.equal(f.core.state.inodeCount, 1)
})

t.test('a huge file goes in pieces', async t => {
  const f = await fixture(t)
  const inode = await f.file('huge')
  const stamp = f.stamp()
  await Promise.all(Array.from({ length: 3_000 }, (_, index) =>
    f.core.submit('allocateChunk', { stamp, inode, index: index as never })))
  const before = f.core.state.appliedIndex
  await f.do('unlink', gone('huge'))
  const first = f.core.submit('collect', { inodes: [] })
  await first
  t.equal(f.freed.length, 2_048)
  await f.core.submit('collect', { inodes: [] })
  await f.core.submit('collect', { inodes: [] })
  t.equal(f.freed.length, 3_000)
  t.equal(new Set(f.freed).size, 3_000)
  t.equal(f.core.state.inode(inode), undefined)
  t.ok(f.core.state.appliedIndex > before)
})

t.test('who may: write and search on the directory, and what the sticky bit leaves', async t => {
  const f = await fixture(t)
  const plain = await f.directory('plain')
  await f.file('file', { parent: plain })
  await t.rejects(f.do('unlink', gone('file', { parent: plain, caller: bob })), { code: 'access-denied' })
  const sticky = await f.directory('sticky')
  await f.do('setAttributes', { inode: sticky, changes: { mode: 0o1777 }, caller: root })
  await f.file('hers', { parent: sticky, caller: alice })
  await t.rejects(f.do('unlink', gone('hers', { parent: sticky, caller: bob })), { code: 'not-permitted' })
  await f.do('unlink', gone('hers', { parent: sticky, caller: alice }))
  await f.do('setAttributes', { inode: sticky, changes: { uid: 1001 }, caller: root })
  await f.file('hers', { parent: sticky, caller: alice })
  await f.do('unlink', gone('hers', { parent: sticky, caller: bob }))
})

t.test('directories and missing names are refused', async t => {
  const f = await fixture(t)
  await f.directory('dir')
  await t.rejects(f.do('unlink', gone('dir')), { code: 'is-a-directory' })
  await t.rejects(f.do('unlink', gone('none')), { code: 'no-such-entry' })
})
