import t from 'tap'
import { ROOT_INODE, type InodeId } from '../../../src/protocol/identifiers.ts'
import type { Name } from '../../../src/protocol/names.ts'
import { attributes, checkOpen, lookup, parentOf, readDirectory } from '../../../src/master/namespace/read.ts'
import { alice, bob, fixture, nameOf, root } from '../core-fixture.ts'

t.test('a directory is read page by page, in the order of bytes, while it changes', async t => {
  const f = await fixture(t)
  const parent = await f.directory('dir')
  const other = await f.directory('other')
  await f.file('elsewhere', { parent: other })
  const names = ['\xff', 'a', 'a\n', 'ab', 'b', '\x01', 'z'.repeat(255), '\xfe\x80', ' ']
  await Promise.all(names.map(name => f.file(name, { parent })))
  const read: string[] = []
  for (let after: Name | undefined; ;) {
    const page = readDirectory(f.core.state, { inode: parent, after, limit: 2, caller: root })
    read.push(...page.entries.map(({ name }) => name))
    if (page.complete) break
    after = page.entries.at(-1)?.name
    // What was given already may go.
    if (after === 'a') await f.do('unlink', { parent, name: nameOf('a'), caller: root })
  }
  t.strictSame(read, [...names].sort((one, two) => Buffer.compare(Buffer.from(one, 'latin1'), Buffer.from(two, 'latin1'))))
  t.strictSame(readDirectory(f.core.state, { inode: await f.directory('empty'), limit: 10, caller: root }),
    { entries: [], complete: true })
})

t.test('names are bytes: each of them finds its own inode', async t => {
  const f = await fixture(t)
  const made = new Map<string, InodeId>()
  for (let byte = 1; byte < 256; byte++) {
    const name = String.fromCharCode(byte)
    if (name !== '/' && name !== '.') made.set(name, await f.file(name))
  }
  for (const [name, inode] of made) t.equal(f.at(name).inode, inode)
})

t.test('search is needed to look up, read to list', async t => {
  const f = await fixture(t)
  const parent = await f.directory('dir', { mode: 0o744 })
  await f.file('file', { parent })
  const find = (caller: typeof bob): unknown => lookup(f.core.state, { parent, name: nameOf('file'), caller })
  t.throws(() => find(bob), { code: 'access-denied' })
  t.equal(readDirectory(f.core.state, { inode: parent, limit: 5, caller: bob }).entries.length, 1)
  await f.do('setAttributes', { inode: parent, changes: { mode: 0o711 }, caller: root })
  t.ok(find(bob))
  t.throws(() => readDirectory(f.core.state, { inode: parent, limit: 5, caller: bob }), { code: 'access-denied' })
  t.throws(() => lookup(f.core.state, { parent, name: nameOf('none'), caller: root }), { code: 'no-such-entry' })
})

t.test('only one triple of the mode counts', async t => {
  const f = await fixture(t)
  const inode = await f.file('file')
  const may = (caller: typeof bob, want: { read: boolean, write: boolean }): boolean => {
    try {
      checkOpen(f.core.state, { inode, caller, ...want })
      return true
    } catch {
      return false
    }
  }
  const readOnly = { read: true, write: false }
  const writeOnly = { read: false, write: true }
  await f.do('setAttributes', { inode, changes: { uid: alice.uid, gid: 50, mode: 0o077 }, caller: root })
  t.notOk(may(alice, readOnly), 'the owner gets nothing from the others')
  await f.do('setAttributes', { inode, changes: { uid: 5, mode: 0o704 }, caller: root })
  t.notOk(may(alice, readOnly), 'nor does a member of the group, be it a supplementary one')
  t.ok(may(bob, readOnly))
  t.notOk(may(bob, writeOnly))
  t.ok(may(root, { read: true, write: true }))
})

t.test('parents, and inodes that are gone', async t => {
  const f = await fixture(t)
  const one = await f.directory('one')
  const two = await f.directory('two', { parent: one })
  t.equal(parentOf(f.core.state, { directory: two }).parent, one)
  t.equal(parentOf(f.core.state, { directory: ROOT_INODE }).parent, ROOT_INODE)
  t.throws(() => parentOf(f.core.state, { directory: 99 as InodeId }), { code: 'stale-handle' })
  t.throws(() => attributes(f.core.state, { inode: 99 as InodeId }), { code: 'stale-handle' })
  t.throws(() => checkOpen(f.core.state, { inode: one, caller: root, read: true, write: false }), { code: 'is-a-directory' })
})
