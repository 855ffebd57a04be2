import t from 'tap'
import type { Caller } from '../../../src/protocol/attributes.ts'
import { ROOT_INODE, type InodeId } from '../../../src/protocol/identifiers.ts'
import type { XattrName } from '../../../src/protocol/names.ts'
import { getXattr, listXattrs } from '../../../src/master/namespace/read.ts'
import { alice, bob, fixture, root, type Fixture } from '../core-fixture.ts'

const set = (
  f: Fixture, inode: InodeId, name: string, value: string,
  { mode = 'any', caller = root }: { mode?: 'any' | 'create' | 'replace', caller?: Caller } = {},
): Promise<unknown> => f.do('setXattr', { inode, name: name as XattrName, value: Buffer.from(value), mode, caller })

const get = (f: Fixture, inode: InodeId, name: string, caller: Caller = root): string =>
  Buffer.from(getXattr(f.core.state, { inode, name: name as XattrName, caller }).value).toString()

t.test('attributes are set, replaced, listed and removed, and change the ctime', async t => {
  const f = await fixture(t)
  const inode = await f.file('file')
  await set(f, inode, 'user.one', '1')
  t.equal(f.attributes(inode).changedNs, f.atNs)
  await set(f, inode, 'user.empty', '')
  await set(f, inode, 'user.big', 'x'.repeat(65_536))
  t.equal(get(f, inode, 'user.one'), '1')
  t.equal(get(f, inode, 'user.empty'), '')
  t.equal(get(f, inode, 'user.big').length, 65_536)
  t.strictSame([...listXattrs(f.core.state, { inode }).names].sort(), ['user.big', 'user.empty', 'user.one'])
  await t.rejects(set(f, inode, 'user.one', '2', { mode: 'create' }), { code: 'already-exists' })
  await t.rejects(set(f, inode, 'user.two', '2', { mode: 'replace' }), { code: 'no-such-attribute' })
  await set(f, inode, 'user.one', '2', { mode: 'replace' })
  t.equal(get(f, inode, 'user.one'), '2')
  await f.do('removeXattr', { inode, name: 'user.one' as XattrName, caller: root })
  t.equal(f.attributes(inode).changedNs, f.atNs)
  t.throws(() => get(f, inode, 'user.one'), { code: 'no-such-attribute' })
  await t.rejects(f.do('removeXattr', { inode, name: 'user.one' as XattrName, caller: root }), { code: 'no-such-attribute' })
  await f.crash('power')
  t.equal(get(f, inode, 'user.big').length, 65_536)
})

t.test('each name space has its own rules', async t => {
  const f = await fixture(t)
  const inode = await f.file('file', { mode: 0o640 })
  await f.do('setAttributes', { inode, changes: { uid: alice.uid }, caller: root })
  await set(f, inode, 'user.x', '1', { caller: alice })
  await t.rejects(set(f, inode, 'user.x', '2', { caller: bob }), { code: 'access-denied' })
  t.throws(() => get(f, inode, 'user.x', bob), { code: 'access-denied' })
  await t.rejects(set(f, inode, 'trusted.x', '1', { caller: alice }), { code: 'not-permitted' })
  await set(f, inode, 'trusted.x', '1')
  t.throws(() => get(f, inode, 'trusted.x', alice), { code: 'no-such-attribute' })
  await t.rejects(set(f, inode, 'security.x', '1', { caller: alice }), { code: 'not-permitted' })
  await set(f, inode, 'security.x', '1')
  t.equal(get(f, inode, 'security.x', bob), '1')
  await t.rejects(set(f, inode, 'system.x', '1'), { code: 'not-supported' })
  await t.rejects(set(f, inode, 'nonsense', '1'), { code: 'not-supported' })
  const link = await f.symlink('link', 'x')
  await t.rejects(set(f, link, 'user.x', '1'), { code: 'not-permitted' })
  await set(f, link, 'trusted.x', '1')
  const sticky = await f.directory('sticky')
  await f.do('setAttributes', { inode: sticky, changes: { mode: 0o1777 }, caller: root })
  await t.rejects(set(f, sticky, 'user.x', '1', { caller: bob }), { code: 'not-permitted' })
})

t.test('the names of an inode fit in one list', async t => {
  const f = await fixture(t)
  const names = Array.from({ length: 256 }, (_, at) => `user.${String(at).padStart(250, 'x')}`)
  await Promise.all(names.map(name => set(f, ROOT_INODE, name, '')))
  await t.rejects(set(f, ROOT_INODE, 'user.more', ''), { code: 'no-space' })
  await set(f, ROOT_INODE, names[0] ?? '', 'replaced')
})
