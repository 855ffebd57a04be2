import t from 'tap'
import { limits } from '../../src/protocol/limits.ts'
import type { TrashedFile } from '../../src/protocol/master-api.ts'
import { ROOT_INODE, type InodeId } from '../../src/protocol/identifiers.ts'
import { bounds } from '../../src/master/config.ts'
import { listTrash, trashed } from '../../src/master/namespace/list-trash.ts'
import { expireTrash } from '../../src/master/trash.ts'
import { alice, bob, fixture, nameOf, root, type Fixture } from './core-fixture.ts'

const KEEP_MS = 1_000

const withTrash = (test: Parameters<typeof fixture>[0]): Promise<Fixture> => fixture(test, 1, KEEP_MS)

const unlink = (f: Fixture, name: string, { parent = ROOT_INODE, caller = root } = {}): Promise<unknown> =>
  f.do('unlink', { parent, name: nameOf(name), caller })

const restore = (f: Fixture, inode: InodeId, name: string, { parent = ROOT_INODE, caller = root } = {}): Promise<unknown> =>
  f.do('restore', { inode, parent, name: nameOf(name), caller })

/** Everything in the trash, page by page. */
function listed(
  f: Fixture, { path = '', scope = 'tree', limit = 3, caller = root }: {
    path?: string, scope?: 'tree' | 'path', limit?: number, caller?: typeof root
  } = {},
): TrashedFile[] {
  const files: TrashedFile[] = []
  for (let after: Uint8Array<ArrayBuffer> | undefined; ;) {
    const page = listTrash(f.core.state, { path, scope, limit, caller, ...(after === undefined ? {} : { after }) }, 0n)
    files.push(...page.files)
    if (page.next === undefined) return files
    after = page.next
  }
}

const paths = (files: TrashedFile[]): string[] => files.map(({ path }) => path)

/** What was submitted before this has been applied. */
const settled = (f: Fixture): Promise<unknown> => f.core.submit('collect', { inodes: [] })

t.test('a removed file waits in the trash with all it had, and comes back as it was', async t => {
  const f = await withTrash(t)
  const folder = await f.directory('folder')
  const inode = await f.fileWithChunks('file', [0, 2])
  await f.do('setAttributes', { inode, changes: { uid: 1000, mode: 0o640 }, caller: root })
  await f.do('setXattr', { inode, name: 'user.x' as never, value: Buffer.from('1'), mode: 'any', caller: root })
  const before = f.attributes(inode)
  f.later(5)
  await unlink(f, 'file')
  await settled(f)
  t.match(listed(f), [{ inode, path: '/file', sizeBytes: 3 * 65_536, uid: 1000, deletedBy: 0 }])
  const [file] = listed(f)
  t.equal(Number((file?.expiresNs ?? 0n) - (file?.deletedNs ?? 0n)), KEEP_MS * 1e6)
  t.equal(f.attributes(inode).links, 0)
  t.match(f.core.state, { trashFiles: 1, trashBytes: 3 * 65_536, chunkCount: 2 })
  t.strictSame(f.core.state.orphans(), [])

  await restore(f, inode, 'again', { parent: folder })
  t.match(f.at('again', folder), { inode, links: 1, sizeBytes: 3 * 65_536 })
  t.same({ ...f.attributes(inode), changedNs: 0n }, { ...before, changedNs: 0n })
  t.strictSame(f.core.state.xattrsOf(inode), ['user.x'])
  t.equal(f.core.state.chunksOf(inode, 0 as never, 10).length, 2)
  t.match(f.core.state, { trashFiles: 0, trashBytes: 0 })
  t.strictSame(listed(f), [])
  t.equal(f.core.state.trash.nextDueMs, undefined)
  await t.rejects(restore(f, inode, 'twice'), { code: 'no-such-entry' })
  t.strictSame(f.freed, [])
})

t.test('only the last name of a file brings it there, and a rename over it does too', async t => {
  const f = await withTrash(t)
  const inode = await f.fileWithChunks('one', [0])
  await f.do('link', { inode, parent: ROOT_INODE, name: nameOf('two'), caller: root })
  await unlink(f, 'one')
  t.strictSame(listed(f), [])
  const over = await f.fileWithChunks('over', [0])
  const place = (name: string): { parent: InodeId, name: ReturnType<typeof nameOf> } => ({ parent: ROOT_INODE, name: nameOf(name) })
  await f.do('rename', { from: place('over'), to: place('two'), mode: 'replace', caller: root })
  t.match(listed(f), [{ inode, path: '/two' }])
  await restore(f, inode, 'one')
  t.not(f.at('one').inode, over)
  t.equal(f.at('two').inode, over)
})

t.test('what has no contents, and what is no file, goes at once; without a trash all does', async t => {
  const f = await withTrash(t)
  await f.file('empty')
  await f.symlink('link', 'somewhere')
  for (const name of ['empty', 'link']) await unlink(f, name)
  await settled(f)
  t.strictSame(listed(f), [])
  t.equal(f.core.state.inodeCount, 1)
  const off = await fixture(t)
  await off.fileWithChunks('file', [0])
  await unlink(off, 'file')
  await settled(off)
  t.strictSame(listed(off), [])
  t.strictSame(off.freed, [1])
})

t.test('paths are those that directories have when the file goes, also after they are renamed and removed', async t => {
  const f = await withTrash(t)
  const outer = await f.directory('outer')
  const inner = await f.directory('inner', { parent: outer })
  const other = await f.directory('\u00ff other')
  const file = async (name: string): Promise<void> => {
    const inode = await f.fileWithChunks(name, [0])
    await f.do('rename', { from: { parent: ROOT_INODE, name: nameOf(name) }, to: { parent: inner, name: nameOf(name) },
      mode: 'replace', caller: root })
    t.ok(inode > 0)
  }
  for (const name of ['first', 'second', 'third']) await file(name)
  await unlink(f, 'first', { parent: inner })
  await f.do('rename', { from: { parent: outer, name: nameOf('inner') }, to: { parent: other, name: nameOf('moved') },
    mode: 'replace', caller: root })
  await unlink(f, 'second', { parent: inner })
  await f.do('rename', { from: { parent: ROOT_INODE, name: nameOf('outer') }, to: { parent: ROOT_INODE, name: nameOf('\u00ff other') },
    mode: 'exchange', caller: root })
  await unlink(f, 'third', { parent: inner })
  await f.do('removeDirectory', { parent: other, name: nameOf('moved'), caller: root })
  t.strictSame(paths(listed(f)), ['/outer/inner/first', '/outer/moved/third', '/\u00ff other/moved/second'])
})

t.test('a path too long to be kept loses its front', async t => {
  const f = await withTrash(t)
  let parent: InodeId = ROOT_INODE
  for (let depth = 0; depth < 20; depth++) parent = await f.directory('d'.repeat(250), { parent })
  const inode = await f.fileWithChunks('deep', [0])
  await f.do('rename', { from: { parent: ROOT_INODE, name: nameOf('deep') }, to: { parent, name: nameOf('deep') },
    mode: 'replace', caller: root })
  await unlink(f, 'deep', { parent })
  const [file] = listed(f)
  t.equal(file?.inode, inode)
  t.match(file?.path, /^d+\/.*\/deep$/)
  t.ok((file?.path.length ?? 0) <= limits.pathBytesMax)
})

t.test('a path finds what was there and, as a tree, below: nothing that only begins alike; the latest first', async t => {
  const f = await withTrash(t)
  const folder = await f.directory('a')
  const long = 'x'.repeat(255)
  const first = await f.directory(long, { parent: folder })
  const deep = await f.directory(long, { parent: first })
  const removed = async (parent: InodeId, name: string): Promise<InodeId> => {
    const inode = await f.fileWithChunks('new', [0])
    await f.do('rename', { from: { parent: ROOT_INODE, name: nameOf('new') }, to: { parent, name: nameOf(name) },
      mode: 'replace', caller: root })
    await unlink(f, name, { parent })
    return inode
  }
  const older = await removed(folder, 'b')
  f.later(2)
  const newer = await removed(folder, 'b')
  const newest = await removed(folder, 'b')
  for (const name of ['a-', 'a.b', 'ab']) await removed(ROOT_INODE, name)
  for (const name of ['c1', 'c2']) await removed(deep, name)
  t.strictSame(listed(f, { path: '/a/b', scope: 'path' }).map(({ inode }) => inode), [newest, newer, older])
  t.strictSame(listed(f, { path: '/a/b', limit: 1 }).map(({ inode }) => inode), [newest, newer, older])
  t.strictSame(listed(f, { path: '/a', scope: 'path' }), [])
  t.strictSame(paths(listed(f, { path: '/a' })).map(path => path.at(-1)), ['b', 'b', 'b', '2', '1'])
  const deepest = `/a/${long}/${long}`
  t.strictSame(paths(listed(f, { path: `${deepest}/c1`, scope: 'path' })), [`${deepest}/c1`],
    'though the keys of both end before they differ')
  t.strictSame(paths(listed(f, { path: deepest })).sort(), [`${deepest}/c1`, `${deepest}/c2`])
  t.equal(listed(f).length, 8)
})

t.test('root has all; others see, bring back and remove for good what they own', async t => {
  const f = await withTrash(t)
  const open = await f.directory('open', { mode: 0o777 })
  const closed = await f.directory('closed')
  const { inode } = await f.do('make', { parent: open, name: nameOf('hers'), node: { type: 'file', mode: 0o666 }, caller: alice })
  await f.core.submit('allocateChunk', { stamp: f.stamp(), inode, index: 0 as never })
  await f.do('settle', { inode, endBytes: 9, modifiedNs: 'now', clearSetId: false, caller: alice })
  await unlink(f, 'hers', { parent: open, caller: bob })
  t.strictSame(listed(f, { caller: bob }), [])
  t.strictSame(trashed(f.core.state, { inode, caller: bob }), {})
  t.match(listed(f, { caller: alice }), [{ inode, deletedBy: 1001, uid: 1000 }])
  await t.rejects(restore(f, inode, 'his', { parent: open, caller: bob }), { code: 'not-permitted' })
  await t.rejects(f.do('purge', { inodes: [inode], caller: bob }), { code: 'not-permitted' })
  await t.rejects(restore(f, inode, 'hers', { parent: closed, caller: alice }), { code: 'access-denied' })
  await f.file('taken', { parent: open })
  await t.rejects(restore(f, inode, 'taken', { parent: open, caller: alice }), { code: 'already-exists' })
  t.equal(f.core.state.trashFiles, 1, 'none of this changed anything')
  await restore(f, inode, 'hers', { parent: open, caller: alice })
  t.match(f.at('hers', open), { inode, uid: 1000 })
  await unlink(f, 'hers', { parent: open, caller: alice })
  t.match(await f.do('purge', { inodes: [inode, inode], caller: alice }), { files: 1, bytes: 9 })
  await settled(f)
  t.equal(f.core.state.inode(inode), undefined)
  t.match(await f.do('purge', { inodes: [inode], caller: alice }), { files: 0, bytes: 0 })
  t.equal(f.freed.length, 1)
})

t.test('after its time a file goes and its chunks are freed, in bounded steps; not before', async t => {
  const f = await withTrash(t)
  const many = bounds.trashBatchMax * 2 + 3
  for (let at = 0; at < many; at++) await f.fileWithChunks(`f${String(at)}`, [0])
  for (let at = 0; at < many; at++) await unlink(f, `f${String(at)}`)
  f.later(KEEP_MS - 1)
  await expireTrash(f.core, f.clock)
  t.equal(f.core.state.trashFiles, many)
  f.later(1)
  await f.core.submit('expireTrash', { limit: bounds.trashBatchMax })
  t.equal(f.core.state.trashFiles, many - bounds.trashBatchMax)
  await expireTrash(f.core, f.clock)
  await settled(f)
  t.match(f.core.state, { trashFiles: 0, trashBytes: 0, chunkCount: 0, inodeCount: 1 })
  t.equal(f.freed.length, many)
  t.strictSame(f.core.state.orphans(), [])
})

t.test('who has the file open keeps it, in the trash and beyond', async t => {
  const f = await withTrash(t)
  const inode = await f.fileWithChunks('file', [0])
  f.core.sessions.open(f.session, inode)
  await unlink(f, 'file')
  f.core.sessions.close(f.session, [{ inode, count: 1 }])
  await settled(f)
  t.equal(f.core.state.trashFiles, 1, 'the last to close it does not take it out of the trash')

  await restore(f, inode, 'file')
  f.core.sessions.open(f.session, inode)
  await unlink(f, 'file')
  f.later(KEEP_MS)
  await expireTrash(f.core, f.clock)
  await settled(f)
  t.strictSame(listed(f), [])
  t.equal(f.attributes(inode).sizeBytes, 65_536)
  await t.rejects(restore(f, inode, 'file'), { code: 'no-such-entry' })
  f.core.sessions.close(f.session, [{ inode, count: 1 }])
  await settled(f)
  t.equal(f.core.state.inode(inode), undefined)
})

t.test('the trash is there after the journal is read again, and after a power cut from a checkpoint', async t => {
  for (const [how, options] of [['process', {}], ['power', {}], ['power', { checkpointBytes: 2_000 }]] as const) {
    const f = await fixture(t, 3, KEEP_MS)
    await f.crash('process', options)
    const folder = await f.directory('folder')
    const removed: InodeId[] = []
    for (let at = 0; at < 40; at++) {
      const name = nameOf(`f${String(at)}`)
      removed.push(await f.fileWithChunks(name, [0]))
      await f.do('rename', { from: { parent: ROOT_INODE, name }, to: { parent: folder, name }, mode: 'replace', caller: root })
      await unlink(f, name, { parent: folder })
    }
    await restore(f, removed[0] as InodeId, 'back')
    await f.do('purge', { inodes: [removed[1] as InodeId], caller: root })
    const before = listed(f)
    t.equal(before.length, 38)
    await f.crash(how, options)
    f.core.sessions.resume(f.session, 'client', [])
    t.same(listed(f), before)
    t.match(f.core.state, { trashFiles: 38, trashBytes: 38 * 65_536 })
    t.equal(f.core.state.directoryName(folder), 'folder')
    await restore(f, removed[2] as InodeId, 'f2', { parent: folder })
    f.later(KEEP_MS)
    await expireTrash(f.core, f.clock)
    await settled(f)
    t.match(f.core.state, { trashFiles: 0, chunkCount: 2 })
  }
})
