import t, { type Test } from 'tap'
import { superuser } from '../../../src/protocol/attributes.ts'
import { asDfsError } from '../../../src/protocol/errors.ts'
import { ROOT_INODE } from '../../../src/protocol/identifiers.ts'
import { masterApi } from '../../../src/protocol/master-api.ts'
import { name } from '../../../src/protocol/names.ts'
import type { MasterSession } from '../../../src/client/master/session.ts'
import type { Attributes } from '../../../src/protocol/attributes.ts'
import { MasterWorld } from '../master-world.ts'

const { make, attributes, lookup, unlink } = masterApi.methods

async function masterWorld(t: Test, seed: number): Promise<MasterWorld> {
  const master = await MasterWorld.started(seed)
  t.teardown(() => { master.remove() })
  return master
}

function makeFile(session: MasterSession, fileName: string): Promise<Attributes> {
  return session.mutate(make,
    { caller: superuser, parent: ROOT_INODE, name: name.parse(fileName), node: { type: 'file', mode: 0o644 } })
}

t.test('a change happens once, at whatever moment the connection is lost', async t => {
  const master = await masterWorld(t, 1)
  const session = await master.session()
  let broken = 0
  for (let moment = 0; moment < 40; moment++) {
    const making = makeFile(session, `file-${String(moment)}`)
    const ended = { yet: false }
    const end = (): void => { ended.yet = true }
    making.then(end, end)
    const until = master.world.steps + moment
    await master.world.run(() => ended.yet || master.world.steps >= until, { stepsMax: 1_000, what: 'the moment' })
    if (!ended.yet) broken += master.world.network.reset('client', 'master')
    t.match(await master.finish(making), { links: 1 }, `lost after ${String(moment)} events`)
  }
  t.ok(broken >= 3, 'connections were lost in the middle of changes')
  t.equal(session.epoch, 1, 'one session throughout')
})

t.test('a master that dies and comes back is waited for, and still knows what is open', async t => {
  const master = await masterWorld(t, 2)
  const session = await master.session()
  const { inode } = await master.finish(makeFile(session, 'held'))
  await master.finish(session.open({ inode, caller: superuser, read: true, write: false }))
  await master.finish(session.mutate(unlink, { caller: superuser, parent: ROOT_INODE, name: name.parse('held') }))
  master.kill()
  const asking = session.ask(attributes, { inode })
  const making = makeFile(session, 'later')
  await master.pass(3_000)
  await master.start()
  t.match(await master.finish(asking), { inode, links: 0 }, 'the open file without a name is kept')
  t.match(await master.finish(making), { links: 1 })
  t.equal(session.epoch, 1)
  session.release(inode, session.epoch)
  await master.pass(1_000)
  t.match(await master.finish(session.ask(attributes, { inode }).catch(asDfsError)), { code: 'stale-handle' },
    'once it is given back it goes')
})

t.test('what is closed while there is no connection is not held for ever', async t => {
  const master = await masterWorld(t, 3)
  const session = await master.session()
  const { inode } = await master.finish(session.create({
    caller: superuser, parent: ROOT_INODE, name: name.parse('short'), mode: 0o600, exclusive: true,
    read: true, write: true, truncate: false,
  }))
  await master.finish(session.mutate(unlink, { caller: superuser, parent: ROOT_INODE, name: name.parse('short') }))
  t.ok(master.world.network.reset('client', 'master') > 0)
  session.release(inode, session.epoch)
  await master.pass(1_000)
  t.match(await master.finish(session.ask(attributes, { inode }).catch(asDfsError)), { code: 'stale-handle' })
})

t.test('an expired session is replaced, and what was open is stale', async t => {
  const master = await masterWorld(t, 4)
  const session = await master.session()
  const { inode } = await master.finish(makeFile(session, 'file'))
  await master.finish(session.open({ inode, caller: superuser, read: true, write: false }))
  master.world.network.cut('client', 'master')
  await master.pass(40_000)
  master.world.network.heal()
  t.match(await master.finish(makeFile(session, 'other')), { links: 1 }, 'changes go on')
  t.equal(session.epoch, 2, 'in another session')
  t.match(await master.finish(session.open({ inode, caller: superuser, read: true, write: false })), { inode })
})

t.test('a session lives as long as its client, however little that does', async t => {
  const master = await masterWorld(t, 5)
  const session = await master.session()
  await master.pass(300_000)
  await master.finish(makeFile(session, 'file'))
  t.equal(session.epoch, 1)
  await master.finish(session.close())
})

t.test('thousands of changes may wait at the same time', async t => {
  const master = await masterWorld(t, 6)
  const session = await master.session()
  const made = await master.finish(Promise.all(Array.from({ length: 2_500 }, (_, at) => makeFile(session, `f${String(at)}`))))
  t.equal(new Set(made.map(({ inode }) => inode)).size, 2_500)
})

t.test('a master that does not answer is named', async t => {
  const master = await masterWorld(t, 7)
  t.match(await master.session('client', ['nowhere:1'], 1_000).catch(asDfsError),
    { code: 'unreachable', message: /nowhere:1/ })
  t.ok(master.world.clock.nowMs() >= 1_000, 'after being waited for')
})

t.test('the first master that answers is used', async t => {
  const master = await masterWorld(t, 8)
  const session = await master.session('client', ['nowhere:1', 'master:9400'])
  const error = await master.finish(
    session.ask(lookup, { parent: ROOT_INODE, name: name.parse('none'), caller: superuser }).catch(asDfsError))
  t.match(error, { code: 'no-such-entry' })
})

t.test('patience ends: a call without any master rejects in the end', async t => {
  const master = await masterWorld(t, 9)
  const session = await master.session()
  master.kill()
  const beganMs = master.world.clock.nowMs()
  t.match(await master.finish(session.ask(attributes, { inode: ROOT_INODE }).catch(asDfsError)), { code: 'unreachable' })
  const tookMs = master.world.clock.nowMs() - beganMs
  t.ok(tookMs >= 59_000 && tookMs < 70_000, `after ${String(tookMs)} ms`)
})
