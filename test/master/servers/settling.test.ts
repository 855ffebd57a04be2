import t from 'tap'
import { Servers } from '../../../src/master/servers/registry.ts'
import { Settling } from '../../../src/master/servers/settling.ts'
import type { ServerId } from '../../../src/protocol/identifiers.ts'
import type { Link } from '../../../src/protocol/link.ts'
import { silentLog } from '../../../src/seams/log.ts'
import type { Clock } from '../../../src/seams/clock.ts'

const address = (id: number): { server: ServerId, address: string, rack: string, host: string } => (
  { server: id as ServerId, address: `s${String(id)}:1`, rack: 'r', host: 'h' })

/** A master that knows two servers and waits 5 s for them; of links only whether they are open counts. */
function setUp() {
  let nowMs = 0
  const timers = new Set<{ dueMs: number, run: () => void }>()
  const clock: Clock = {
    nowMs: () => nowMs,
    wallNs: () => 0n,
    after: (delayMs, run) => {
      const timer = { dueMs: nowMs + delayMs, run }
      timers.add(timer)
      return { cancel: () => { timers.delete(timer) } }
    },
  }
  const pass = (ms: number): void => {
    nowMs += ms
    for (const timer of [...timers]) if (timer.dueMs <= nowMs && timers.delete(timer)) timer.run()
  }
  const servers = new Servers({ clock, log: silentLog, times: { heartbeatMs: 3_000, staleMs: 30_000, deadMs: 90_000 } })
  for (const id of [1, 2]) servers.expect(address(id))
  const settling = new Settling({ clock, servers, settleMs: 5_000, reportMs: 30_000, replicas: 3 })
  const register = (id: number): { close: () => void } => {
    const link = { closed: false, onClose: () => {} }
    servers.register({ ...address(id), totalBytes: 1, freeBytes: 1, boot: '' }, link as unknown as Link)
    return { close: () => { link.closed = true } }
  }
  const reported = (id: number): void => {
    const server = servers.get(id as ServerId)
    if (server !== undefined) server.reported = true
    servers.wake()
  }
  const page = (id: number): void => {
    const server = servers.get(id as ServerId)
    if (server !== undefined) server.lastHeardMs = nowMs
  }
  return { settling, pass, register, reported, page }
}

t.test('it is over when all have reported, or when the time is', async t => {
  const all = setUp()
  for (const id of [1, 2]) all.register(id)
  all.reported(1)
  t.notOk(all.settling.over)
  all.reported(2)
  t.ok(all.settling.over && all.settling.complete)
  const none = setUp()
  none.pass(4_999)
  t.notOk(none.settling.over)
  none.pass(1)
  t.ok(none.settling.over)
})

t.test('who is still reporting is waited for, who has stopped is not', async t => {
  const { settling, pass, register, reported, page } = setUp()
  register(1)
  for (let at = 0; at < 60; at += 10) {
    pass(10_000)
    page(1)
    t.notOk(settling.over, 'pages come')
  }
  reported(1)
  t.ok(settling.over, 'the other one is not there')
  const hung = setUp()
  hung.register(1)
  hung.pass(29_000)
  t.notOk(hung.settling.over)
  hung.pass(1_000)
  t.ok(hung.settling.over, 'nothing came for long')
  const lost = setUp()
  const link = lost.register(1)
  lost.pass(6_000)
  t.notOk(lost.settling.over)
  link.close()
  t.ok(lost.settling.over, 'its connection is lost')
})

t.test('whoever waits goes on when the reports are there, and in the end without them', async t => {
  const { settling, pass, register, reported, page } = setUp()
  register(1)
  let went = 0
  void settling.settled().then(() => { went++ })
  const turn = (): Promise<void> => new Promise(resolve => { setImmediate(resolve) })
  for (let at = 0; at < 3; at++) { pass(5_000); page(1); await turn() }
  t.equal(went, 0)
  reported(1)
  await turn()
  t.equal(went, 1)
  const slow = setUp()
  slow.register(1)
  void slow.settling.settled().then(() => { went++ })
  for (let at = 0; at < 7; at++) { slow.pass(5_000); slow.page(1); await turn() }
  t.notOk(slow.settling.over)
  t.equal(went, 2, 'after 35 s')
})
