import t from 'tap'
import { ROOT_INODE, type ChunkIndex, type ChunkVersion, type SessionId } from '../../src/protocol/identifiers.ts'
import { DiskError } from '../../src/seams/disk.ts'
import { fixture, nameOf, root } from './core-fixture.ts'

const dir = (name: string): { parent: typeof ROOT_INODE, name: ReturnType<typeof nameOf>, node: { type: 'directory', mode: number }, caller: typeof root } =>
  ({ parent: ROOT_INODE, name: nameOf(name), node: { type: 'directory', mode: 0o755 }, caller: root })

t.test('a repeat gets the first answer, whether it succeeded or was refused', async t => {
  const f = await fixture(t)
  const request = { ...dir('a'), stamp: f.stamp() }
  const first = await f.core.submit('make', request)
  t.same(await f.core.submit('make', request), first)
  // Two at once, so that the refusal goes through the journal.
  const refused = { ...dir('a'), stamp: { ...f.stamp(), oldestWaiting: 1 } }
  const [, outcome] = await Promise.allSettled([
    f.core.submit('make', { ...dir('b'), stamp: { ...f.stamp(), oldestWaiting: 1 } }), f.core.submit('make', refused),
  ])
  t.match(outcome, { status: 'rejected', reason: { code: 'already-exists' } })
  await f.core.submit('removeDirectory', {
    parent: ROOT_INODE, name: nameOf('a'), caller: root, stamp: { ...f.stamp(), oldestWaiting: 1 },
  })
  await t.rejects(f.core.submit('make', refused), { code: 'already-exists' }, 'though it would succeed now')
})

t.test('a repeat of one on its way waits for the same outcome', async t => {
  const f = await fixture(t)
  const request = { ...dir('a'), stamp: f.stamp() }
  const [one, two] = await Promise.all([f.core.submit('make', request), f.core.submit('make', request)])
  t.same(one, two)
  t.equal(f.core.state.inodeCount, 2)
})

t.test('a repeat gets the first answer after a crash too', async t => {
  for (const how of ['process', 'power'] as const) {
    const f = await fixture(t)
    const request = { ...dir('a'), stamp: f.stamp() }
    const first = await f.core.submit('make', request)
    await f.crash(how)
    t.same(await f.core.submit('make', request), first, how)
  }
})

t.test('what a client has the answers to is forgotten, and a late duplicate does nothing', async t => {
  const f = await fixture(t)
  const late = { ...dir('a'), stamp: f.stamp() }
  await f.core.submit('make', late)
  await f.do('removeDirectory', { parent: ROOT_INODE, name: nameOf('a'), caller: root })
  await t.rejects(f.core.submit('make', late), { code: 'invalid' })
  t.throws(() => f.at('a'), { code: 'no-such-entry' })
})

t.test('a bounded number of results is kept of a client that never says what it has', async t => {
  const f = await fixture(t)
  const before = f.core.state
  const stamps = Array.from({ length: 1_100 }, () => ({ ...f.stamp(), oldestWaiting: 1 }))
  await Promise.all(stamps.map((stamp, at) => f.core.submit('make', { ...dir(`d${at}`), stamp })))
  t.equal(stamps.filter(stamp => before.rememberedResult(stamp)).length, 1_024)
  const last = stamps.at(-1)
  t.ok(last !== undefined && before.rememberedResult(last))
})

t.test('an unknown session changes nothing', async t => {
  const f = await fixture(t)
  const stamp = { session: 999 as SessionId, sequence: 1, oldestWaiting: 1 }
  await t.rejects(f.core.submit('make', { ...dir('a'), stamp }), { code: 'session-expired' })
  await f.core.sessions.end(f.session)
  await t.rejects(f.do('make', dir('a')), { code: 'session-expired' })
})

t.test('what comes together is synced together', async t => {
  const f = await fixture(t)
  const before = f.disk.syncs
  await Promise.all(Array.from({ length: 100 }, (_, at) => f.directory(`d${at}`)))
  t.equal(f.disk.syncs - before, 1)
})

t.test('what is often refused costs no sync while nothing is on its way', async t => {
  const f = await fixture(t)
  await f.directory('below', { parent: await f.directory('full') })
  const before = f.disk.syncs
  await t.rejects(f.do('removeDirectory', { parent: ROOT_INODE, name: nameOf('full'), caller: root }), { code: 'not-empty' })
  t.equal(f.disk.syncs, before)
})

t.test('nobody reads what is not durable', async t => {
  const f = await fixture(t)
  const making = f.directory('a')
  t.throws(() => f.at('a'), { code: 'no-such-entry' })
  const synced = f.disk.syncs
  await making
  t.equal(f.disk.syncs, synced + 1)
  t.ok(f.at('a'))
})

t.test('a journal that cannot be written ends the master: all waiting hear it, and nothing changes any more', async t => {
  const f = await fixture(t)
  await f.directory('before')
  let fatal = 0
  f.core.onFatal(() => { fatal++ })
  f.disk.fault = new DiskError('EIO', 'the disk is dying')
  const outcomes = await Promise.allSettled([f.directory('a'), f.directory('b')])
  t.match(outcomes, [{ reason: { code: 'journal-failed' } }, { reason: { code: 'journal-failed' } }])
  f.disk.fault = undefined
  await t.rejects(f.directory('c'), { code: 'journal-failed' }, 'even if the disk works again')
  t.equal(fatal, 1)
  t.ok(f.at('before'), 'reading goes on')
  await f.crash('process')
  await f.directory('after')
})

t.test('versions never come twice, across crashes too', async t => {
  const f = await fixture(t)
  const seen: ChunkVersion[] = []
  for (let at = 0; at < 10_010; at++) seen.push(await f.core.takeVersion())
  await f.crash('process')
  seen.push(await f.core.takeVersion())
  await f.crash('power')
  seen.push(await f.core.takeVersion())
  t.ok(seen.every((version, at) => at === 0 || version > (seen[at - 1] ?? 0)))
})

t.test('a chunk is allocated once for an index, with ids and versions never used before', async t => {
  const f = await fixture(t)
  const inode = await f.file('file')
  const allocate = (index: number): Promise<{ chunk: number, version: number, created: boolean }> =>
    f.core.submit('allocateChunk', { stamp: f.stamp(), inode, index: index as ChunkIndex })
  const [one, two] = await Promise.all([allocate(3), allocate(3)])
  t.equal(one.chunk, two.chunk)
  t.strictSame([one.created, two.created], [true, false])
  t.match(f.core.state.chunksOf(inode, 0 as ChunkIndex, 10), [{ index: 3, chunk: one.chunk, version: one.version }])
  t.same(f.core.state.chunk(one.chunk as never), { chunk: one.chunk, inode, index: 3, version: one.version, lossVersion: 0 })
  t.ok(f.core.state.nextChunk > one.chunk)
  const dropped = await f.do('dropChunks', { inode, first: 3 as ChunkIndex, count: 1, caller: root })
  t.equal(dropped.allocatedBytes, 0)
  t.strictSame(f.freed, [one.chunk])
  const again = await allocate(3)
  t.ok(again.chunk > one.chunk && again.version > one.version)
  await t.rejects(f.core.submit('allocateChunk', { stamp: f.stamp(), inode: ROOT_INODE, index: 0 as ChunkIndex }),
    { code: 'is-a-directory' })
  await t.rejects(allocate(2 ** 50 / 65_536), { code: 'too-large' })
})

t.test('a chunk version only rises, and that of a freed chunk is nothing to anyone', async t => {
  const f = await fixture(t)
  await f.fileWithChunks('file', [0])
  const chunk = [...f.core.state.eachChunk()][0]?.chunk
  if (chunk === undefined) throw new Error('it has a chunk')
  t.same(await f.core.submit('setChunkVersion', { chunk, version: 500 as ChunkVersion, doubtful: false }), { applied: true })
  t.same(await f.core.submit('setChunkVersion', { chunk, version: 400 as ChunkVersion, doubtful: false }), { applied: false })
  t.equal(f.core.state.chunk(chunk)?.version, 500)
  t.equal(f.core.state.chunk(chunk)?.lossVersion, 0)
  await f.core.submit('setChunkVersion', { chunk, version: 510 as ChunkVersion, doubtful: true })
  await f.core.submit('setChunkVersion', { chunk, version: 520 as ChunkVersion, doubtful: false })
  t.match(f.core.state.chunk(chunk), { version: 520, lossVersion: 510 })
  await f.do('unlink', { parent: ROOT_INODE, name: nameOf('file'), caller: root })
  await f.core.submit('collect', { inodes: [] })
  t.same(await f.core.submit('setChunkVersion', { chunk, version: 600 as ChunkVersion, doubtful: false }), { applied: false })
})

t.test('after close nothing is taken, and the next start finds everything without replay', async t => {
  const f = await fixture(t)
  await f.directory('a')
  const under = f.directory('b')
  await f.core.close()
  await under
  await t.rejects(f.directory('c'), { code: 'shutting-down' })
  f.disk.powerCut()
  await f.open()
  t.ok(f.at('a'))
  t.ok(f.at('b'))
})
