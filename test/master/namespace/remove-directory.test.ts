import t from 'tap'
import { ROOT_INODE } from '../../../src/protocol/identifiers.ts'
import { bob, fixture, nameOf, root } from '../core-fixture.ts'

t.test('only an empty directory goes, and its parent has one link less', async t => {
  const f = await fixture(t)
  const dir = await f.directory('dir')
  await f.file('file', { parent: dir })
  const request = { parent: ROOT_INODE, name: nameOf('dir'), caller: root }
  await t.rejects(f.do('removeDirectory', request), { code: 'not-empty' })
  await f.do('unlink', { parent: dir, name: nameOf('file'), caller: root })
  // With this goes the file itself.
  await f.core.submit('collect', { inodes: [] })
  await t.rejects(f.do('removeDirectory', { ...request, caller: bob }), { code: 'access-denied' })
  t.equal(f.attributes(ROOT_INODE).links, 3)
  await f.do('removeDirectory', request)
  t.match(f.attributes(ROOT_INODE), { links: 2, modifiedNs: f.atNs, changedNs: f.atNs })
  t.equal(f.core.state.inode(dir), undefined)
  await t.rejects(f.do('removeDirectory', request), { code: 'no-such-entry' })
  await f.file('file')
  await t.rejects(f.do('removeDirectory', { ...request, name: nameOf('file') }), { code: 'not-a-directory' })
})
