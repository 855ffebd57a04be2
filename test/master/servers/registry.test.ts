import t from 'tap'
import { DfsError } from '../../../src/protocol/errors.ts'
import type { ServerId } from '../../../src/protocol/identifiers.ts'
import { Link } from '../../../src/protocol/link.ts'
import { Servers } from '../../../src/master/servers/registry.ts'
import { Settling } from '../../../src/master/servers/settling.ts'
import { silentLog } from '../../../src/seams/log.ts'
import type { Connection } from '../../../src/seams/network.ts'
import { World } from '../../simulation/world.ts'

const times = { heartbeatMs: 3_000, staleMs: 30_000, deadMs: 90_000 }

function setUp() {
  const world = new World(1)
  const { clock } = world
  const servers = new Servers({ clock, log: silentLog, times })
  const link = (): Link => {
    const connection: Connection = {
      remote: 'test', waitingBytes: 0, send() {}, writable: () => Promise.resolve(), onMessage() {}, onClose() {}, close() {},
      pauseReading() {}, resumeReading() {},
    }
    return new Link(connection, { clock, log: silentLog })
  }
  const register = (id: number, { address = `host-${id}:1`, over = link() } = {}) => ({
    server: servers.register({
      server: id as ServerId, address, rack: 'r', host: `host-${id}`, totalBytes: 100, freeBytes: 50, boot: '',
    }, over),
    link: over,
  })
  const pass = (ms: number): Promise<void> =>
    world.finish(new Promise<void>(resolve => { clock.after(ms, resolve) }), { stepsMax: 1_000, what: 'waiting' })
  const heard = { totalBytes: 100, freeBytes: 40, load: 2, diskFault: '', corruptFound: 0, diskFailures: 0, changed: [], gone: [], renew: [] }
  return { world, servers, link, register, pass, heard }
}

t.test('silence makes a server stale, then dead; a heartbeat makes it live', async t => {
  const { servers, register, pass, heard } = setUp()
  const { server } = register(1)
  t.equal(servers.stateOf(server), 'live')
  await pass(times.staleMs)
  t.equal(servers.stateOf(server), 'stale')
  t.notOk(servers.isReachable(server))
  await pass(times.deadMs - times.staleMs)
  t.equal(servers.stateOf(server), 'dead')
  t.strictSame(servers.takeChanged().map(({ id }) => id), [1])
  servers.heard(server, heard)
  t.equal(servers.stateOf(server), 'live')
  t.match(server, { freeBytes: 40, load: 2 })
})

t.test('a lost connection is no death, but nothing new goes there', async t => {
  const { servers, register } = setUp()
  const { server, link } = register(1)
  link.close('gone')
  t.equal(server.link, undefined)
  t.equal(servers.stateOf(server), 'live')
  t.notOk(servers.isReachable(server))
})

t.test('an id that is in use elsewhere is refused while its owner is heard', async t => {
  const { servers, register, pass } = setUp()
  const { server, link } = register(1)
  t.throws(() => register(1, { address: 'copy:1' }), new DfsError('invalid', '').constructor)
  t.equal(server.link, link, 'the owner is not disturbed')
  await pass(3 * times.heartbeatMs)
  register(1, { address: 'moved:1' })
  t.equal(servers.get(1 as ServerId)?.address, 'moved:1', 'its owner is silent: the server has moved')
  t.ok(link.closed)
})

t.test('a server that comes again from its own address replaces its connection', async t => {
  const { register } = setUp()
  const { link } = register(1)
  const again = register(1)
  t.ok(link.closed)
  t.equal(again.server.link, again.link, 'and the end of the old one is no loss')
})

t.test('who waits for a server goes on as soon as it is there, or when time is up', async t => {
  const { world, servers, register } = setUp()
  const there = (): boolean => servers.get(2 as ServerId)?.link !== undefined
  await world.finish(servers.until(there, 500), { stepsMax: 100, what: 'time' })
  t.equal(world.clock.nowMs(), 500)
  const waiting = servers.until(there, 5_000)
  world.clock.after(100, () => { register(2) })
  await world.finish(waiting, { stepsMax: 100, what: 'the server' })
  t.equal(world.clock.nowMs(), 600)
})

t.test('a first start settles when as many servers are there as a chunk has replicas', async t => {
  const { world, servers, register } = setUp()
  const settling = new Settling({ clock: world.clock, servers, settleMs: 5_000, reportMs: 30_000, replicas: 2 })
  register(1).server.reported = true
  t.notOk(settling.over)
  const { server } = register(2)
  t.notOk(settling.over, 'one has not said yet what it has')
  server.reported = true
  t.ok(settling.over)
})

t.test('a later start settles when everyone known is back, or when time is up', async t => {
  const { world, servers, register, pass } = setUp()
  for (const id of [1, 2, 3]) servers.expect({ server: id as ServerId, address: `host-${id}:1`, rack: 'r', host: 'h' })
  const settling = new Settling({ clock: world.clock, servers, settleMs: 5_000, reportMs: 30_000, replicas: 2 })
  for (const id of [1, 2]) register(id).server.reported = true
  t.notOk(settling.over, 'two would do for new chunks, but the third may have the only replica of an old one')
  t.notOk(settling.complete)
  await pass(5_000)
  t.ok(settling.over)
  t.notOk(settling.complete, 'time does not make it complete')
  register(3).server.reported = true
  t.ok(settling.complete)
})
