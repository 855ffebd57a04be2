import t from 'tap'
import { z } from 'zod'
import { defineApi, method, type Given } from '../../src/protocol/api.ts'
import { asDfsError, DfsError } from '../../src/protocol/errors.ts'
import { acceptLink, dialLink, PROTOCOL_VERSION } from '../../src/protocol/handshake.ts'
import type { ClusterId } from '../../src/protocol/identifiers.ts'
import type { Link } from '../../src/protocol/link.ts'
import { encodeMessage, MessageKind } from '../../src/protocol/wire.ts'
import { pause } from '../../src/seams/clock.ts'
import { silentLog } from '../../src/seams/log.ts'
import { World } from '../simulation/world.ts'

const cluster = '7d444840-9dc0-11d1-b245-5ffdce74fad2' as ClusterId
const otherCluster = '7d444840-9dc0-11d1-b245-5ffdce74fad3' as ClusterId
const limits = { stepsMax: 10_000, what: 'the test' }

const api = defineApi('test', {
  echo: method(1, z.object({ text: z.string().max(10) }), z.object({ text: z.string() }), 'both'),
  fail: method(2, z.object({}), z.object({})),
  hang: method(3, z.object({}), z.object({})),
  lie: method(4, z.object({}), z.object({ count: z.int() })),
})

interface Pair { world: World, near: Link, far: Link }

/** Two ends of a link through a simulated network; the far one serves the test API. */
async function pair(): Promise<Pair> {
  const world = new World(1)
  const outside = { clock: world.clock, log: silentLog }
  const accepted = new Promise<Link>((resolve, reject) => {
    world.network.forHost('far').listen('far:1', connection => {
      acceptLink(connection, { role: 'master', cluster }, outside).then(answer => {
        if (answer === undefined) { reject(new Error('refused')); return }
        answer.link.serve(api, {
          echo: ({ text }, payload): Given<{ text: string }> => ({ reply: { text }, payload: [payload] }),
          fail: () => { throw new DfsError('no-space', 'the barn is full') },
          hang: () => new Promise(() => {}),
          lie: () => ({ reply: { count: 'many' } as unknown as { count: number } }),
        }, undefined)
        resolve(answer.link)
      }, reject)
    })
  })
  const dialled = dialLink(world.network.forHost('near'), 'far:1',
    { role: 'client', lane: 'control', expect: 'master', timeoutMs: 1_000 }, outside)
  const [{ link: near }, far] = await world.finish(Promise.all([dialled, accepted]), limits)
  return { world, near, far }
}

const deadline = { deadlineMs: 1_000 }

t.test('a call is answered with the reply and the bytes beside it', async t => {
  const { world, near } = await pair()
  const { reply, payload } = await world.finish(
    near.call(api.methods.echo, { text: 'hi' }, { ...deadline, payload: [Buffer.from('by'), Buffer.from('tes')] }), limits)
  t.strictSame([reply.text, payload.toString()], ['hi', 'bytes'])
})

t.test('a refusal arrives as the error it was', async t => {
  const { world, near } = await pair()
  const error = await world.finish(near.call(api.methods.fail, {}, deadline).catch(asDfsError), limits)
  t.match(error, { code: 'no-space', message: 'the barn is full', errno: 'ENOSPC' })
})

t.test('no answer in time rejects, and a late one harms nobody', async t => {
  const { world, near } = await pair()
  const error = await world.finish(near.call(api.methods.hang, {}, deadline).catch(asDfsError), limits)
  t.match(error, { code: 'deadline-passed' })
  t.notOk(near.closed, 'the link lives on')
})

t.test('a lost link makes outcomes unknown, and later calls unreachable', async t => {
  const { world, near, far } = await pair()
  const waiting = near.call(api.methods.hang, {}, deadline).catch(asDfsError)
  far.close('bye')
  t.match(await world.finish(waiting, limits), { code: 'outcome-unknown' })
  t.match(await world.finish(near.call(api.methods.fail, {}, deadline).catch(asDfsError), limits), { code: 'unreachable' })
})

t.test('an end that falls silent is found out long before the deadline, and what was asked has an unknown outcome', async t => {
  const { world, near } = await pair()
  world.network.cut('near', 'far')
  const startedMs = world.clock.nowMs()
  const waiting = near.call(api.methods.hang, {}, { deadlineMs: 60_000 }).catch(asDfsError)
  t.match(await world.finish(waiting, limits), { code: 'outcome-unknown', message: /silent/ })
  t.ok(near.silent)
  t.ok(world.clock.nowMs() - startedMs <= 3_500, `after ${String(world.clock.nowMs() - startedMs)} ms`)
})

t.test('an end that takes long to answer is not silent', async t => {
  const { world, near } = await pair()
  const waiting = near.call(api.methods.hang, {}, { deadlineMs: 60_000 }).catch(asDfsError)
  t.match(await world.finish(waiting, limits), { code: 'deadline-passed' })
  t.notOk(near.closed, 'the link lives on')
})

t.test('a probe is answered by who is there, and closes the link to who is not', async t => {
  const { world, near, far } = await pair()
  far.probe()
  await world.finish(pause(world.clock, 10_000), limits)
  t.notOk(far.closed || near.closed)
  world.network.cut('near', 'far')
  far.probe()
  await world.finish(pause(world.clock, 4_000), limits)
  t.ok(far.silent)
})

t.test('a link that nobody uses may be silent', async t => {
  const { world, near, far } = await pair()
  await world.finish(near.call(api.methods.echo, { text: 'hi' }, deadline), limits)
  world.network.cut('near', 'far')
  await world.finish(pause(world.clock, 10_000), limits)
  t.notOk(near.closed || far.closed)
})

t.test('what does not fit its schema closes the link, at whichever end it arrives', async t => {
  const asked = await pair()
  const tooLong = asked.near.call(api.methods.echo, { text: 'longer than ten' }, deadline).catch(asDfsError)
  t.match(await asked.world.finish(tooLong, limits), { code: 'bad-message' })
  t.ok(asked.far.closed, 'the server closed it')
  const answered = await pair()
  t.match(await answered.world.finish(answered.near.call(api.methods.lie, {}, deadline).catch(asDfsError), limits),
    { code: 'bad-message' })
  t.ok(answered.near.closed, 'the client closed it')
})

t.test('a method the other end does not serve is refused, and the link lives', async t => {
  const { world, near, far } = await pair()
  t.match(await world.finish(far.call(api.methods.fail, {}, deadline).catch(asDfsError), limits), { code: 'unknown-method' })
  t.notOk(near.closed || far.closed)
})

t.test('a handshake is refused with the reason', async t => {
  for (const [what, wrong, code] of [
    ['another version', { protocol: PROTOCOL_VERSION + 1 }, 'wrong-version'],
    ['another cluster', { cluster: otherCluster }, 'wrong-cluster'],
    ['another protocol', { magic: 'ftp' }, 'bad-message'],
  ] as const) {
    const world = new World(2)
    const outside = { clock: world.clock, log: silentLog }
    const verdict = new Promise(resolve => {
      world.network.forHost('far').listen('far:1', connection => {
        acceptLink(connection, { role: 'master', cluster }, outside).then(resolve, resolve)
      })
    })
    const connection = await world.finish(world.network.forHost('near').dial('far:1', 1_000), limits)
    const closed = new Promise<string>(resolve => { connection.onClose = resolve })
    connection.send(encodeMessage(MessageKind.hello, 0, 0,
      { magic: 'dfs', protocol: PROTOCOL_VERSION, role: 'client', lane: 'control', ...wrong }))
    t.equal(await world.finish(verdict, limits), undefined, `${what} is refused`)
    await world.finish(closed, limits)
    const dialled = dialLink(world.network.forHost('near'), 'far:1',
      { role: 'client', lane: 'control', expect: 'chunkserver', timeoutMs: 1_000, cluster }, outside)
    t.match(await world.finish(dialled.catch(asDfsError), limits), { code: 'invalid' }, `${code}: and the role must be right`)
  }
})

t.test('a dialler learns why it was refused', async t => {
  const world = new World(3)
  const outside = { clock: world.clock, log: silentLog }
  world.network.forHost('far').listen('far:1', connection => {
    void acceptLink(connection, { role: 'master', cluster }, outside)
  })
  const dialled = dialLink(world.network.forHost('near'), 'far:1',
    { role: 'client', lane: 'control', expect: 'master', timeoutMs: 1_000, cluster: otherCluster }, outside)
  t.match(await world.finish(dialled.catch(asDfsError), limits), { code: 'wrong-cluster', message: /belongs to cluster/ })
})

t.test('a peer that says nothing is let go', async t => {
  const world = new World(4)
  const verdict = new Promise(resolve => {
    world.network.forHost('far').listen('far:1', connection => {
      acceptLink(connection, { role: 'master', cluster }, { clock: world.clock, log: silentLog }).then(resolve, resolve)
    })
  })
  await world.finish(world.network.forHost('near').dial('far:1', 1_000), limits)
  t.equal(await world.finish(verdict, limits), undefined)
})
