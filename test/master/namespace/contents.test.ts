import t from 'tap'
import type { ChunkIndex } from '../../../src/protocol/identifiers.ts'
import { attributes } from '../../../src/master/namespace/read.ts'
import { bob, fixture, root } from '../core-fixture.ts'

t.test('settle grows the size and never shrinks it, and needs no permission: opening did', async t => {
  const f = await fixture(t)
  const inode = await f.file('file', { mode: 0o6755 })
  const settle = (endBytes: number, clearSetId = false): Promise<unknown> =>
    f.do('settle', { inode, endBytes, modifiedNs: 5n, clearSetId, caller: bob })
  const { contentVersion } = f.attributes(inode)
  t.match(await settle(1_000), { sizeBytes: 1_000, modifiedNs: 5n, changedNs: f.atNs, mode: 0o6755 })
  t.match(await settle(10), { sizeBytes: 1_000 })
  t.match(await settle(10, true), { mode: 0o755 })
  t.equal(f.attributes(inode).contentVersion, contentVersion + 3)
  await t.rejects(f.do('settle', { inode: await f.directory('d'), endBytes: 0, modifiedNs: 'now', clearSetId: false, caller: root }),
    { code: 'is-a-directory' })
})

t.test('chunks made holes are freed and count no more', async t => {
  const f = await fixture(t)
  const inode = await f.fileWithChunks('file', [0, 1, 2, 3])
  await t.rejects(f.do('dropChunks', { inode, first: 1 as ChunkIndex, count: 2, caller: bob }), { code: 'access-denied' })
  const after = await f.do('dropChunks', { inode, first: 1 as ChunkIndex, count: 2, caller: root })
  t.match(after, { sizeBytes: 4 * 65_536, allocatedBytes: 2 * 65_536, modifiedNs: f.atNs, changedNs: f.atNs })
  t.strictSame(f.freed, [2, 3])
  t.strictSame(f.core.state.chunksOf(inode, 0 as ChunkIndex, 100).map(({ index }) => index), [0, 3])
})

t.test('allocated bytes are those of the file that lie in chunks', async t => {
  const f = await fixture(t)
  const allocated = async (indexes: number[], sizeBytes: number): Promise<number> => {
    const inode = await f.fileWithChunks(`file ${indexes.join()} ${sizeBytes}`, indexes)
    await f.do('setAttributes', { inode, changes: { sizeBytes }, caller: root })
    return attributes(f.core.state, { inode }).allocatedBytes
  }
  t.equal(await allocated([], 1_000_000), 0)
  t.equal(await allocated([0], 100), 100)
  t.equal(await allocated([0], 1_000_000), 65_536)
  t.equal(await allocated([2], 2 * 65_536 + 10), 10)
  t.equal(await allocated([0, 2], 2 * 65_536 + 10), 65_536 + 10)
  t.equal(await allocated([0, 1], 2 * 65_536), 2 * 65_536)
})
