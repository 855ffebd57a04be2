import t from 'tap'
import { ROOT_INODE, type InodeId, type SessionId } from '../../../src/protocol/identifiers.ts'
import { fixture, nameOf, root, type Fixture } from '../core-fixture.ts'

/** When everything under way has been applied. */
const settled = async (f: Fixture): Promise<void> => {
  for (let round = 0; round < 3; round++) await f.core.submit('collect', { inodes: [] })
}

const unlink = (f: Fixture, name: string): Promise<unknown> =>
  f.do('unlink', { parent: ROOT_INODE, name: nameOf(name), caller: root })

const exists = (f: Fixture, inode: InodeId): boolean => f.core.state.inode(inode) !== undefined

t.test('an unlinked file stays until the last of its opens is given back', async t => {
  const f = await fixture(t)
  const other = await f.core.sessions.start('other')
  const inode = await f.fileWithChunks('file', [0])
  f.core.sessions.open(f.session, inode)
  f.core.sessions.open(f.session, inode)
  f.core.sessions.open(other, inode)
  await unlink(f, 'file')
  await settled(f)
  t.equal(f.attributes(inode).links, 0)
  f.core.sessions.open(other, inode)
  f.core.sessions.close(other, [{ inode, count: 2 }])
  f.core.sessions.close(f.session, [{ inode, count: 1 }])
  await settled(f)
  t.ok(exists(f, inode))
  t.strictSame(f.freed, [])
  f.core.sessions.close(f.session, [{ inode, count: 1 }])
  t.throws(() => { f.core.sessions.open(other, inode) }, { code: 'stale-handle' }, 'it is on its way out')
  await settled(f)
  t.notOk(exists(f, inode))
  t.equal(f.freed.length, 1)
})

/** Time passes, in which only the fixture's own client is heard. */
async function pass(f: Fixture, durationMs: number): Promise<void> {
  const untilMs = f.nowMs + durationMs
  while (f.nowMs < untilMs) {
    f.nowMs = Math.min(untilMs, f.nowMs + 10_000)
    f.core.sessions.keepAlive(f.session)
    await f.core.sessions.expire()
  }
}

t.test('a master that slept gives its clients time to be heard', async t => {
  const f = await fixture(t)
  f.nowMs += 1_000_000
  await f.core.sessions.expire()
  t.ok(f.core.state.hasSession(f.session))
  f.nowMs += 20_000
  await f.core.sessions.expire()
  t.ok(f.core.state.hasSession(f.session))
  f.nowMs += 20_000
  await f.core.sessions.expire()
  t.notOk(f.core.state.hasSession(f.session), 'but not for ever')
})

t.test('giving back more than was opened takes nothing from others', async t => {
  const f = await fixture(t)
  const other = await f.core.sessions.start('other')
  const inode = await f.file('file')
  f.core.sessions.open(f.session, inode)
  f.core.sessions.open(other, inode)
  await unlink(f, 'file')
  f.core.sessions.close(other, [{ inode, count: 100 }, { inode: 4_711 as InodeId, count: 1 }])
  await settled(f)
  t.ok(exists(f, inode))
})

t.test('what a session had open goes with it, when it ends or falls silent', async t => {
  for (const how of ['ends', 'silent'] as const) {
    const f = await fixture(t)
    const other = await f.core.sessions.start('other')
    const inode = await f.file('file')
    f.core.sessions.open(other, inode)
    await unlink(f, 'file')
    await settled(f)
    t.ok(exists(f, inode))
    if (how === 'ends') {
      await f.core.sessions.end(other)
    } else {
      await pass(f, 59_000)
      t.ok(f.core.state.hasSession(other))
      await pass(f, 2_000)
    }
    await settled(f)
    t.notOk(exists(f, inode), how)
    t.notOk(f.core.state.hasSession(other))
    t.ok(f.core.state.hasSession(f.session), 'a mutation or a call keeps a session alive')
    t.throws(() => { f.core.sessions.keepAlive(other) }, { code: 'session-expired' })
    t.throws(() => { f.core.sessions.open(other, ROOT_INODE) }, { code: 'session-expired' })
    t.throws(() => { f.core.sessions.resume(other, 'other', []) }, { code: 'session-expired' })
    t.equal(f.core.state.sessionCount, 1)
  }
})

t.test('after a restart nothing is collected until every session has said what it has open', async t => {
  const f = await fixture(t)
  const other = await f.core.sessions.start('other')
  const kept = await f.file('kept')
  const dropped = await f.file('dropped')
  f.core.sessions.open(f.session, kept)
  f.core.sessions.open(other, dropped)
  await unlink(f, 'kept')
  await unlink(f, 'dropped')
  await f.crash('process')
  await settled(f)
  t.ok(exists(f, kept) && exists(f, dropped))
  f.core.sessions.resume(f.session, 'client', [{ inode: kept, count: 1 }])
  await settled(f)
  t.ok(exists(f, dropped), 'the other may have it')
  t.equal(f.core.sessions.hostOf(f.session), 'client')
  f.core.sessions.resume(other, 'other', [])
  await settled(f)
  t.notOk(exists(f, dropped))
  t.ok(exists(f, kept))
  f.core.sessions.close(f.session, [{ inode: kept, count: 1 }])
  await settled(f)
  t.notOk(exists(f, kept))
})

t.test('after a restart a session that never comes back does not keep orphans for ever', async t => {
  const f = await fixture(t)
  await f.core.sessions.start('other')
  const inode = await f.file('file')
  f.core.sessions.open(f.session, inode)
  await unlink(f, 'file')
  await f.crash('power')
  f.core.sessions.resume(f.session, 'client', [])
  await settled(f)
  t.ok(exists(f, inode))
  await pass(f, 61_000)
  await settled(f)
  t.notOk(exists(f, inode))
})

t.test('orphans of sessions that are all gone are collected at the start', async t => {
  const f = await fixture(t)
  const inode = await f.file('file')
  f.core.sessions.open(f.session, inode)
  await unlink(f, 'file')
  // Dies between the end of the session and the collection.
  const ending = f.core.sessions.end(f.session)
  await ending
  await f.crash('process')
  await settled(f)
  t.notOk(exists(f, inode))
})

t.test('what a resumed session declares replaces what it was thought to have', async t => {
  const f = await fixture(t)
  const one = await f.file('one')
  const two = await f.file('two')
  f.core.sessions.open(f.session, one)
  f.core.sessions.open(f.session, two)
  await unlink(f, 'one')
  await unlink(f, 'two')
  f.core.sessions.resume(f.session, 'client', [{ inode: two, count: 1 }])
  await settled(f)
  t.notOk(exists(f, one))
  t.ok(exists(f, two))
})

t.test('a create answered twice counts as one open, one repeated after a restart as one too', async t => {
  const f = await fixture(t)
  const create = (name: string): Parameters<typeof f.core.submit<'create'>>[1] => ({
    parent: ROOT_INODE, name: nameOf(name), mode: 0o644, exclusive: true, read: true, write: true, truncate: false,
    caller: root, stamp: f.stamp(),
  })
  const request = create('file')
  const { inode } = await f.core.submit('create', request)
  await f.core.submit('create', request)
  await unlink(f, 'file')
  f.core.sessions.close(f.session, [{ inode, count: 1 }])
  await settled(f)
  t.notOk(exists(f, inode))

  const again = create('again')
  const made = await f.core.submit('create', again)
  await f.crash('process')
  // The client has no answer yet, so it does not declare it, and asks again.
  f.core.sessions.resume(f.session, 'client', [])
  t.equal((await f.core.submit('create', again)).inode, made.inode)
  await unlink(f, 'again')
  await settled(f)
  t.ok(exists(f, made.inode))
  f.core.sessions.close(f.session, [{ inode: made.inode, count: 1 }])
  await settled(f)
  t.notOk(exists(f, made.inode))
})

t.test('session numbers are never used again', async t => {
  const f = await fixture(t)
  const seen: SessionId[] = [f.session]
  for (const how of ['process', 'power'] as const) {
    const next = await f.core.sessions.start('x')
    await f.core.sessions.end(next)
    t.notOk(seen.includes(next))
    seen.push(next)
    await f.crash(how)
  }
})
