import t from 'tap'
import { asDfsError } from '../../src/protocol/errors.ts'
import { acceptLink } from '../../src/protocol/handshake.ts'
import type { ClusterId } from '../../src/protocol/identifiers.ts'
import { LinkPool } from '../../src/protocol/link-pool.ts'
import { pause } from '../../src/seams/clock.ts'
import { silentLog } from '../../src/seams/log.ts'
import { World } from '../simulation/world.ts'

const cluster = '7d444840-9dc0-11d1-b245-5ffdce74fad2' as ClusterId
const limits = { stepsMax: 10_000, what: 'the test' }

function poolTo(host: string): { world: World, pool: LinkPool } {
  const world = new World(1)
  const outside = { clock: world.clock, log: silentLog }
  world.network.forHost(host).listen(`${host}:1`, connection => {
    void acceptLink(connection, { role: 'chunkserver', cluster }, outside)
  })
  return { world, pool: new LinkPool({ ...outside, network: world.network.forHost('near') }, { role: 'client', cluster }) }
}

t.test('who has fallen silent on one lane is left alone on both for a while, then asked again', async t => {
  const { world, pool } = poolTo('far')
  const bulk = await world.finish(pool.link('far:1', 'bulk'), limits)
  const control = await world.finish(pool.link('far:1', 'control'), limits)
  await world.finish(pause(world.clock, 5_000), limits)
  world.network.cut('near', 'far')
  bulk.probe()
  await world.finish(pause(world.clock, 4_000), limits)
  t.ok(bulk.silent && control.closed, 'both lanes are closed')
  world.network.heal()
  const startedMs = world.clock.nowMs()
  t.match(await world.finish(pool.link('far:1', 'control').catch(asDfsError), limits), { code: 'unreachable' })
  t.equal(world.clock.nowMs(), startedMs, 'nobody waited')
  await world.finish(pause(world.clock, 3_000), limits)
  t.notOk((await world.finish(pool.link('far:1', 'control'), limits)).closed)
})

t.test('a dial that nobody answers is not repeated at once; one that is refused may be', async t => {
  const { world, pool } = poolTo('far')
  world.network.cut('near', 'far')
  t.match(await world.finish(pool.link('far:1', 'bulk').catch(asDfsError), limits), { code: 'unreachable' })
  const startedMs = world.clock.nowMs()
  t.match(await world.finish(pool.link('far:1', 'bulk').catch(asDfsError), limits), { code: 'unreachable' })
  t.equal(world.clock.nowMs(), startedMs)
  const refusing = poolTo('other')
  t.match(await refusing.world.finish(refusing.pool.link('far:1', 'bulk').catch(asDfsError), limits), { code: 'unreachable' })
  refusing.world.network.forHost('far').listen('far:1', connection => {
    void acceptLink(connection, { role: 'chunkserver', cluster }, { clock: refusing.world.clock, log: silentLog })
  })
  t.notOk((await refusing.world.finish(refusing.pool.link('far:1', 'bulk'), limits)).closed)
})
