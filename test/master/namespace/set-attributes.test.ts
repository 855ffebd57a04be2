import t from 'tap'
import type { Caller } from '../../../src/protocol/attributes.ts'
import type { InodeId } from '../../../src/protocol/identifiers.ts'
import { alice, bob, fixture, root, type Fixture, type Unstamped } from '../core-fixture.ts'

const set = (
  f: Fixture, inode: InodeId, changes: Unstamped<'setAttributes'>['changes'], caller: Caller = root,
): ReturnType<typeof f.do<'setAttributes'>> => f.do('setAttributes', { inode, changes, caller })

async function aliceFile(f: Fixture, mode = 0o644): Promise<InodeId> {
  const inode = await f.file('file', { mode })
  await set(f, inode, { uid: alice.uid, gid: alice.gid })
  await set(f, inode, { mode })
  return inode
}

t.test('chmod is for the owner and root, and drops setgid where he is no member', async t => {
  const f = await fixture(t)
  const inode = await aliceFile(f)
  t.match(await set(f, inode, { mode: 0o4711 }, alice), { mode: 0o4711, changedNs: f.atNs })
  await t.rejects(set(f, inode, { mode: 0o777 }, bob), { code: 'not-permitted' })
  t.match(await set(f, inode, { mode: 0o2775 }, alice), { mode: 0o2775 })
  await set(f, inode, { gid: 77 })
  t.match(await set(f, inode, { mode: 0o2775 }, alice), { mode: 0o775 })
  t.match(await set(f, inode, { mode: 0o2775 }, root), { mode: 0o2775 })
  await t.rejects(set(f, await f.symlink('link', 'x'), { mode: 0o700 }), { code: 'not-supported' })
})

t.test('chown: only root gives away, the owner chooses among his groups', async t => {
  const f = await fixture(t)
  const inode = await aliceFile(f)
  await t.rejects(set(f, inode, { uid: 1001 }, alice), { code: 'not-permitted' })
  await t.rejects(set(f, inode, { uid: 1001 }, bob), { code: 'not-permitted' })
  await t.rejects(set(f, inode, { gid: 77 }, alice), { code: 'not-permitted' })
  await t.rejects(set(f, inode, { gid: 1001 }, bob), { code: 'not-permitted' })
  t.match(await set(f, inode, { uid: 1000, gid: 50 }, alice), { uid: 1000, gid: 50 })
  t.match(await set(f, inode, { uid: 5, gid: 6 }), { uid: 5, gid: 6 })
})

t.test('chown clears set-id bits of files, root or not; setgid without group execute is no set-id', async t => {
  const f = await fixture(t)
  const inode = await aliceFile(f)
  for (const caller of [root, alice]) {
    await set(f, inode, { mode: 0o6755 })
    t.match(await set(f, inode, { gid: 1000 }, caller), { mode: 0o755 })
  }
  await set(f, inode, { mode: 0o6745 })
  t.match(await set(f, inode, { uid: 1000 }), { mode: 0o2745 })
  const dir = await f.directory('dir')
  await set(f, dir, { mode: 0o2755 })
  t.match(await set(f, dir, { uid: 1000 }), { mode: 0o2755 })
  t.match(await set(f, inode, { uid: 1000, mode: 0o4755 }), { mode: 0o4755 }, 'a mode asked for at the same time stands')
})

t.test('times: "now" for whoever may write, any other for the owner', async t => {
  const f = await fixture(t)
  const inode = await aliceFile(f, 0o666)
  t.match(await set(f, inode, { accessedNs: 5n, modifiedNs: -7n }, alice), { accessedNs: 5n, modifiedNs: -7n, changedNs: f.atNs })
  t.match(await set(f, inode, { accessedNs: 'now', modifiedNs: 'now' }, bob), { accessedNs: f.atNs, modifiedNs: f.atNs })
  t.match(await set(f, inode, { modifiedNs: 9n }, alice), { modifiedNs: 9n, accessedNs: f.atNs - 1n })
  await t.rejects(set(f, inode, { modifiedNs: 5n }, bob), { code: 'not-permitted' })
  await set(f, inode, { mode: 0o644 })
  await t.rejects(set(f, inode, { accessedNs: 'now', modifiedNs: 'now' }, bob), { code: 'access-denied' })
})

t.test('a smaller size frees the chunks behind it, a larger one is a hole; both are changes of the contents', async t => {
  const f = await fixture(t)
  const inode = await f.fileWithChunks('file', [0, 1, 2, 4])
  const before = f.attributes(inode)
  t.equal(before.sizeBytes, 5 * 65_536)
  const cut = await set(f, inode, { sizeBytes: 65_537 })
  t.strictSame(f.freed, [3, 4])
  t.match(cut, { sizeBytes: 65_537, allocatedBytes: 65_537, modifiedNs: f.atNs, changedNs: f.atNs })
  t.ok(cut.contentVersion > before.contentVersion)
  const grown = await set(f, inode, { sizeBytes: 10 * 65_536 })
  t.match(grown, { sizeBytes: 10 * 65_536, allocatedBytes: 2 * 65_536 })
  t.match(await set(f, inode, { sizeBytes: 65_536 }), { allocatedBytes: 65_536 })
  t.match(await set(f, inode, { sizeBytes: 0, modifiedNs: 3n }), { sizeBytes: 0, allocatedBytes: 0, modifiedNs: 3n })
  t.equal(f.freed.length, 4)
  t.equal(f.core.state.chunkCount, 0)
})

t.test('only files have a size to set, for those who may write; it clears set-id bits of all but root', async t => {
  const f = await fixture(t)
  await t.rejects(set(f, await f.directory('dir'), { sizeBytes: 0 }), { code: 'is-a-directory' })
  await t.rejects(set(f, await f.symlink('link', 'x'), { sizeBytes: 0 }), { code: 'invalid' })
  const inode = await aliceFile(f, 0o6775)
  await t.rejects(set(f, inode, { sizeBytes: 1 }, bob), { code: 'access-denied' })
  t.match(await set(f, inode, { sizeBytes: 1 }, root), { mode: 0o6775 })
  t.match(await set(f, inode, { sizeBytes: 2 }, alice), { mode: 0o775 })
})

t.test('all or nothing: one change refused, none made', async t => {
  const f = await fixture(t)
  const inode = await aliceFile(f, 0o666)
  const before = f.attributes(inode)
  await t.rejects(set(f, inode, { sizeBytes: 100, mode: 0o777 }, bob), { code: 'not-permitted' })
  t.same(f.attributes(inode), before)
  t.match(before, await set(f, inode, {}), 'asking for nothing changes nothing')
})
