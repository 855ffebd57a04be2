import t from 'tap'
import { coreTable } from '../../../src/master/chunks/core-table.ts'
import { isNotPromised } from '../../../src/master/chunks/table.ts'
import { ROOT_INODE, type ChunkIndex } from '../../../src/protocol/identifiers.ts'
import { fixture, nameOf, root } from '../core-fixture.ts'

t.test('a chunk behind the end of its file was promised to nobody, until its writer tells of it; a crash changes nothing', async t => {
  const f = await fixture(t)
  const { inode, chunkSizeBytes } = await f.do('create', {
    parent: ROOT_INODE, name: nameOf('file'), mode: 0o644, exclusive: false, read: true, write: true, truncate: false, caller: root,
  })
  const { chunk } = await f.core.submit('allocateChunk', { stamp: f.stamp(), inode, index: 1 as ChunkIndex })
  const settle = (endBytes: number) => f.do('settle', { inode, endBytes, modifiedNs: 'now', clearSetId: false, caller: root })
  t.ok(isNotPromised(coreTable(f.core), chunk))
  await settle(chunkSizeBytes)
  t.ok(isNotPromised(coreTable(f.core), chunk), 'the file ends where it begins')
  await f.crash('process')
  t.ok(isNotPromised(coreTable(f.core), chunk))
  await settle(chunkSizeBytes + 1)
  t.notOk(isNotPromised(coreTable(f.core), chunk))
})
