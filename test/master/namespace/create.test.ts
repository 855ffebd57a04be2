import t from 'tap'
import { ROOT_INODE } from '../../../src/protocol/identifiers.ts'
import { alice, bob, fixture, nameOf, root, type Unstamped } from '../core-fixture.ts'

const wanted = (name: string, more: Partial<Unstamped<'create'>> = {}): Unstamped<'create'> => ({
  parent: ROOT_INODE, name: nameOf(name), mode: 0o644, exclusive: false, read: true, write: true, truncate: false,
  caller: root, ...more,
})

t.test('what is missing is made and opened, whatever its mode says', async t => {
  const f = await fixture(t)
  const parent = await f.directory('open')
  await f.do('setAttributes', { inode: parent, changes: { mode: 0o777 }, caller: root })
  const made = await f.do('create', wanted('file', { parent, mode: 0o400, caller: alice }))
  t.match(made, { type: 'file', mode: 0o400, uid: 1000, links: 1 })
  await f.do('unlink', { parent, name: nameOf('file'), caller: root })
  await f.core.submit('collect', { inodes: [] })
  t.ok(f.core.state.inode(made.inode), 'it is open')
  f.core.sessions.close(f.session, [{ inode: made.inode, count: 1 }])
  await f.core.submit('collect', { inodes: [] })
  t.equal(f.core.state.inode(made.inode), undefined, 'and counted once')
})

t.test('what is there is opened as its mode allows, or refused where it must be new', async t => {
  const f = await fixture(t)
  const inode = await f.file('file', { mode: 0o644 })
  t.match(await f.do('create', wanted('file')), { inode })
  await t.rejects(f.do('create', wanted('file', { exclusive: true })), { code: 'already-exists' })
  await t.rejects(f.do('create', wanted('file', { caller: bob })), { code: 'access-denied' })
  t.match(await f.do('create', wanted('file', { caller: bob, write: false })), { inode })
  await t.rejects(f.do('create', wanted('file', { caller: bob, write: false, truncate: true })), { code: 'access-denied' })
  await f.directory('dir')
  await t.rejects(f.do('create', wanted('dir')), { code: 'is-a-directory' })
  await f.symlink('link', 'x')
  await t.rejects(f.do('create', wanted('link')), { code: 'loop' })
  await t.rejects(f.do('create', wanted('new', { caller: bob })), { code: 'access-denied' })
})

t.test('truncate on open empties the file', async t => {
  const f = await fixture(t)
  const inode = await f.fileWithChunks('file', [0, 1])
  const { contentVersion } = f.attributes(inode)
  const opened = await f.do('create', wanted('file', { truncate: true }))
  t.match(opened, { inode, sizeBytes: 0, allocatedBytes: 0, modifiedNs: f.atNs, changedNs: f.atNs })
  t.ok(opened.contentVersion > contentVersion)
  t.equal(f.freed.length, 2)
})
