import t from 'tap'
import { ROOT_INODE, type InodeId } from '../../../src/protocol/identifiers.ts'
import type { Caller } from '../../../src/protocol/attributes.ts'
import { alice, bob, fixture, nameOf, root, type Fixture } from '../core-fixture.ts'

const move = (
  f: Fixture, from: [InodeId, string], to: [InodeId, string],
  { mode = 'replace', caller = root }: { mode?: 'replace' | 'no-replace' | 'exchange', caller?: Caller } = {},
): Promise<unknown> => f.do('rename', {
  from: { parent: from[0], name: nameOf(from[1]) }, to: { parent: to[0], name: nameOf(to[1]) }, mode, caller,
})

t.test('a file moves between directories and keeps its inode; times and links follow', async t => {
  const f = await fixture(t)
  const one = await f.directory('one')
  const two = await f.directory('two')
  const file = await f.file('file', { parent: one })
  await move(f, [one, 'file'], [two, 'other'])
  t.equal(f.at('other', two).inode, file)
  t.throws(() => f.at('file', one), { code: 'no-such-entry' })
  const at = f.at('other', two).changedNs
  t.equal(f.attributes(one).modifiedNs, at)
  t.equal(f.attributes(two).changedNs, at)
})

t.test('a directory takes its ".." with it: link counts and parents change', async t => {
  const f = await fixture(t)
  const one = await f.directory('one')
  const two = await f.directory('two')
  const moved = await f.directory('moved', { parent: one })
  t.equal(f.attributes(one).links, 3)
  await move(f, [one, 'moved'], [two, 'moved'])
  t.equal(f.attributes(one).links, 2)
  t.equal(f.attributes(two).links, 3)
  t.equal(f.core.state.inode(moved)?.parent, two)
  await f.directory('empty', { parent: two })
  t.equal(f.attributes(two).links, 4)
  await move(f, [two, 'moved'], [two, 'empty'])
  t.equal(f.attributes(two).links, 3, 'replacing a directory in the same one')
  const rest = await f.directory('rest', { parent: one })
  await move(f, [two, 'empty'], [one, 'rest'])
  t.equal(f.attributes(two).links, 2)
  t.equal(f.attributes(one).links, 3, 'one came, one was replaced')
  t.equal(f.core.state.inode(rest), undefined)
})

t.test('no directory comes below itself', async t => {
  const f = await fixture(t)
  const top = await f.directory('top')
  const mid = await f.directory('mid', { parent: top })
  await t.rejects(move(f, [ROOT_INODE, 'top'], [mid, 'x']), { code: 'invalid' })
  await t.rejects(move(f, [ROOT_INODE, 'top'], [top, 'x']), { code: 'invalid' })
  await f.file('file', { parent: mid })
  await t.rejects(move(f, [mid, 'file'], [ROOT_INODE, 'top']), { code: 'not-empty' })
  await t.rejects(move(f, [mid, 'file'], [ROOT_INODE, 'top'], { mode: 'exchange' }), { code: 'invalid' })
})

t.test('what replaces what: types must match and directories be empty', async t => {
  const f = await fixture(t)
  const dir = await f.directory('dir')
  await f.file('file')
  await f.file('inside', { parent: dir })
  await f.directory('empty')
  await t.rejects(move(f, [ROOT_INODE, 'file'], [ROOT_INODE, 'dir']), { code: 'is-a-directory' })
  await t.rejects(move(f, [ROOT_INODE, 'dir'], [ROOT_INODE, 'file']), { code: 'not-a-directory' })
  await t.rejects(move(f, [ROOT_INODE, 'empty'], [ROOT_INODE, 'dir']), { code: 'not-empty' })
  await t.rejects(move(f, [ROOT_INODE, 'file'], [ROOT_INODE, 'empty'], { mode: 'no-replace' }), { code: 'already-exists' })
  await t.rejects(move(f, [ROOT_INODE, 'file'], [ROOT_INODE, 'none'], { mode: 'exchange' }), { code: 'no-such-entry' })
  await t.rejects(move(f, [ROOT_INODE, 'none'], [ROOT_INODE, 'file']), { code: 'no-such-entry' })
  await move(f, [ROOT_INODE, 'dir'], [ROOT_INODE, 'empty'])
  t.equal(f.at('empty').inode, dir)
  t.equal(f.attributes(ROOT_INODE).links, 3)
})

t.test('replacing a file frees its chunks, unless it has another name', async t => {
  const f = await fixture(t)
  await f.fileWithChunks('old', [0, 1])
  await f.file('new')
  await move(f, [ROOT_INODE, 'new'], [ROOT_INODE, 'old'])
  await f.core.submit('collect', { inodes: [] })
  t.strictSame(f.freed, [1, 2])
  const kept = await f.fileWithChunks('kept', [0])
  await f.do('link', { inode: kept, parent: ROOT_INODE, name: nameOf('second'), caller: root })
  await f.file('newer')
  await move(f, [ROOT_INODE, 'newer'], [ROOT_INODE, 'kept'])
  await f.core.submit('collect', { inodes: [] })
  t.equal(f.at('second').links, 1)
  t.equal(f.freed.length, 2)
})

t.test('two names of one inode: nothing happens', async t => {
  const f = await fixture(t)
  const inode = await f.file('a')
  await f.do('link', { inode, parent: ROOT_INODE, name: nameOf('b'), caller: root })
  await move(f, [ROOT_INODE, 'a'], [ROOT_INODE, 'b'])
  t.equal(f.at('a').inode, inode)
  t.equal(f.at('b').links, 2)
})

t.test('exchange swaps two names of any types', async t => {
  const f = await fixture(t)
  const one = await f.directory('one')
  const inner = await f.directory('inner', { parent: one })
  await f.file('within', { parent: inner })
  const file = await f.file('file')
  await move(f, [one, 'inner'], [ROOT_INODE, 'file'], { mode: 'exchange' })
  t.equal(f.at('file').inode, inner)
  t.equal(f.at('inner', one).inode, file)
  t.equal(f.attributes(one).links, 2)
  t.equal(f.attributes(ROOT_INODE).links, 4)
  t.equal(f.core.state.inode(inner)?.parent, ROOT_INODE)
})

t.test('who may: write on both directories, the sticky bit, and the directory whose ".." changes', async t => {
  const f = await fixture(t)
  const shared = await f.directory('shared', { mode: 0o1777 })
  await f.do('setAttributes', { inode: shared, changes: { mode: 0o1777 }, caller: root })
  const closed = await f.directory('closed', { mode: 0o755 })
  await f.file('hers', { parent: shared, caller: alice })
  await f.file('his', { parent: shared, caller: bob })
  await t.rejects(move(f, [shared, 'hers'], [shared, 'x'], { caller: bob }), { code: 'not-permitted' })
  await t.rejects(move(f, [shared, 'his'], [shared, 'hers'], { caller: bob }), { code: 'not-permitted' })
  await t.rejects(move(f, [shared, 'his'], [closed, 'his'], { caller: bob }), { code: 'access-denied' })
  const open = await f.directory('open', { mode: 0o777 })
  await f.directory('foreign', { parent: open, mode: 0o755 })
  const mine = await f.directory('mine', { mode: 0o777 })
  await t.rejects(move(f, [open, 'foreign'], [mine, 'foreign'], { caller: bob }), { code: 'access-denied' },
    'its ".." may not be rewritten by bob')
  await move(f, [open, 'foreign'], [open, 'renamed'], { caller: bob })
  await move(f, [shared, 'his'], [shared, 'still his'], { caller: bob })
})
