import t from 'tap'
import { ROOT_INODE } from '../../../src/protocol/identifiers.ts'
import type { LinkTarget } from '../../../src/protocol/names.ts'
import { attributes, readLink } from '../../../src/master/namespace/read.ts'
import { alice, bob, fixture, nameOf, root } from '../core-fixture.ts'

t.test('a new file belongs to its maker, is empty, and carries the time of its making', async t => {
  const f = await fixture(t)
  await f.directory('open', { mode: 0o777 })
  const inode = await f.file('file', { parent: f.at('open').inode, mode: 0o6640, caller: alice })
  const now = f.atNs
  t.same(attributes(f.core.state, { inode }), {
    inode, type: 'file', mode: 0o6640, links: 1, uid: 1000, gid: 1000, device: 0, sizeBytes: 0, allocatedBytes: 0,
    accessedNs: now, modifiedNs: now, changedNs: now, contentVersion: 1, chunkSizeBytes: 65_536,
    hasXattrs: false,
  })
})

t.test('the directory it is made in changes', async t => {
  const f = await fixture(t)
  const before = f.attributes(ROOT_INODE)
  await f.directory('sub')
  const after = f.attributes(ROOT_INODE)
  t.equal(after.links, before.links + 1)
  t.equal(after.modifiedNs, f.atNs)
  t.equal(after.changedNs, f.atNs)
  t.ok(after.contentVersion > before.contentVersion)
  await f.file('file')
  t.equal(f.attributes(ROOT_INODE).links, after.links, 'only directories count')
})

t.test('in a setgid directory the group is inherited, and directories hand the bit on', async t => {
  const f = await fixture(t)
  const shared = await f.directory('shared', { mode: 0o2777 })
  await f.do('setAttributes', { inode: shared, changes: { gid: 50, mode: 0o2777 }, caller: root })
  const sub = await f.directory('sub', { parent: shared, caller: alice })
  t.match(f.attributes(sub), { gid: 50, uid: 1000, mode: 0o2755 })
  const own = await f.file('own', { parent: shared, mode: 0o2775, caller: alice })
  t.match(f.attributes(own), { gid: 50, mode: 0o2775 }, 'alice is a member of 50')
  const others = await f.file('others', { parent: shared, mode: 0o2775, caller: bob })
  t.match(f.attributes(others), { gid: 50, mode: 0o775 }, 'bob is not')
})

t.test('an existing name wins over missing rights, and rights are needed', async t => {
  const f = await fixture(t)
  await f.file('file')
  await t.rejects(f.file('file', { caller: bob }), { code: 'already-exists' })
  await t.rejects(f.file('new', { caller: bob }), { code: 'access-denied' })
  const hidden = await f.directory('hidden', { mode: 0o700 })
  await f.file('inside', { parent: hidden })
  await t.rejects(f.file('inside', { parent: hidden, caller: bob }), { code: 'access-denied' })
  await t.rejects(f.file('x', { parent: f.at('file').inode }), { code: 'not-a-directory' })
  const gone = await f.directory('gone')
  await f.do('removeDirectory', { parent: ROOT_INODE, name: nameOf('gone'), caller: root })
  await t.rejects(f.file('x', { parent: gone }), { code: 'no-such-entry' })
})

t.test('symbolic links have their target, mode 777 and its length as size', async t => {
  const f = await fixture(t)
  const inode = await f.symlink('link', '\xff/where')
  t.match(f.attributes(inode), { type: 'symlink', mode: 0o777, sizeBytes: 7 })
  t.equal(readLink(f.core.state, { inode }).target, '\xff/where' as LinkTarget)
  t.throws(() => readLink(f.core.state, { inode: ROOT_INODE }), { code: 'invalid' })
})

t.test('only root makes device nodes; fifos are for all', async t => {
  const f = await fixture(t)
  const parent = await f.directory('open', { mode: 0o777 })
  await f.do('setAttributes', { inode: parent, changes: { mode: 0o777 }, caller: root })
  const device = { type: 'block-device' as const, mode: 0o600, device: 2 ** 31 + 5 }
  await t.rejects(f.do('make', { parent, name: nameOf('d'), node: device, caller: bob }), { code: 'not-permitted' })
  t.match(await f.do('make', { parent, name: nameOf('d'), node: device, caller: root }), { device: 2 ** 31 + 5 })
  t.match(await f.do('make', { parent, name: nameOf('p'), node: { type: 'fifo', mode: 0o600 }, caller: bob }),
    { type: 'fifo', uid: 1001, chunkSizeBytes: 0 })
})
