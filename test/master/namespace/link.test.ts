import t from 'tap'
import { ROOT_INODE } from '../../../src/protocol/identifiers.ts'
import { bob, fixture, nameOf, root } from '../core-fixture.ts'

t.test('a new name for a file; none for a directory, none over another, none without rights', async t => {
  const f = await fixture(t)
  const file = await f.file('file')
  const dir = await f.directory('dir')
  const link = (inode: number, name: string, caller = root): Promise<unknown> =>
    f.do('link', { inode: inode as typeof file, parent: ROOT_INODE, name: nameOf(name), caller })
  t.match(await link(file, 'two'), { inode: file, links: 2, changedNs: f.atNs })
  await t.rejects(link(dir, 'x'), { code: 'not-permitted' })
  await t.rejects(link(file, 'dir'), { code: 'already-exists' })
  await t.rejects(link(file, 'x', bob), { code: 'access-denied' })
  await t.rejects(link(4_711, 'x'), { code: 'stale-handle' })
})

t.test('a file that is only held open gets no name again', async t => {
  const f = await fixture(t)
  const inode = await f.file('file')
  f.core.sessions.open(f.session, inode)
  await f.do('unlink', { parent: ROOT_INODE, name: nameOf('file'), caller: root })
  await t.rejects(f.do('link', { inode, parent: ROOT_INODE, name: nameOf('again'), caller: root }), { code: 'no-such-entry' })
})
