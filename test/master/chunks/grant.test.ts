import t from 'tap'
import type { ErrorCode } from '../../../src/protocol/errors.ts'
import { ChunkWorld } from './chunk-world.ts'

const three = [{}, {}, {}]
const code = (expected: ErrorCode) => ({ code: expected })

t.test('a hole becomes a chunk on as many servers as it should have, the first of them its primary', async t => {
  const world = await ChunkWorld.of([{}, {}, {}, {}])
  const given = await world.lease()
  t.equal(given.replicas.length, 3)
  const primary = world.server(given.primary)
  t.match(primary.granted, [{ chunk: given.chunk, version: given.version, create: true }])
  t.equal(primary.granted[0]?.peers.length, 2, 'the primary knows its peers')
})

t.test('a running lease is given to whoever asks', async t => {
  const world = await ChunkWorld.of(three)
  const first = await world.lease()
  t.strictSame(await world.lease(), first)
})

t.test('a client that failed under a version gets a later one, and the others get that one too', async t => {
  const world = await ChunkWorld.of(three)
  const first = await world.lease()
  world.write(first, 5)
  const second = await world.lease(0, { known: first.version })
  t.ok(second.version > first.version)
  t.strictSame(await world.lease(0, { known: first.version }), second, 'nobody is disturbed twice')
})

for (const reported of [0, 2]) {
  t.test(`servers that lost power prove nothing by having no replica (of ${reported} the master had heard)`, async t => {
    const world = await ChunkWorld.of(three)
    const first = await world.lease()
    t.ok(world.write(first, 5), 'it was acknowledged')
    const [, second, third] = world.servers
    for (const server of [second, third].slice(0, reported)) if (server !== undefined) await world.finish(server.heartbeat())
    for (const server of world.servers) server.losePower()
    await world.finish(Promise.all(world.servers.map(server => server.connect())))
    await world.pass(world.config.leaseMs + 10 * world.config.heartbeatMs)
    t.notOk(world.parts.locations.isBlank(first.chunk), 'or it would read as a hole')
    t.equal(world.repair.counts().missing, 1)
    const next = await world.lease(0, { known: first.version })
    t.equal(world.table.chunk(first.chunk)?.lossVersion, next.version, 'a sync tells of it')
  })
}

t.test('servers without a replica prove that none was made, where none of them has lost power', async t => {
  const world = await ChunkWorld.of(three)
  const first = await world.lease()
  for (const server of world.servers) server.kill()
  await world.finish(Promise.all(world.servers.map(server => server.connect())))
  await world.pass(world.config.leaseMs + 10 * world.config.heartbeatMs)
  t.ok(world.parts.locations.isBlank(first.chunk))
  t.equal(world.repair.counts().missing, 0)
})

t.test('replicas that differ are made alike before anyone may write again', async t => {
  const world = await ChunkWorld.of(three)
  const first = await world.lease()
  t.ok(world.write(first, 5))
  for (const server of world.servers) await world.finish(server.heartbeat())
  world.server(1).apply(first.chunk, first.version, 6)
  const second = await world.lease(0, { known: first.version })
  const contents = world.servers.map(({ replicas }) => replicas.get(first.chunk)?.content)
  t.equal(new Set(contents).size, 1, `all have the same: ${contents.join()}`)
  t.equal(second.replicas.length, 3)
})

t.test('a dead server is left out, and what it still has is of no version that counts', async t => {
  const world = await ChunkWorld.of(three)
  const first = await world.lease()
  world.write(first, 5)
  for (const server of world.servers) await world.finish(server.heartbeat())
  const victim = world.server(first.primary)
  victim.kill()
  const second = await world.lease(0, { suspects: [victim.id], known: first.version })
  t.notOk(second.replicas.some(({ server }) => server === victim.id))
  t.equal(second.replicas.length, 2)
  t.ok((victim.replicas.get(first.chunk)?.version ?? Infinity) < second.version)
  t.notOk(world.write(first, 6), 'nothing can be acknowledged under the lease before')
  t.ok(world.write(second, 7))
})

t.test('a replica whose fence was done but not answered does not share the version of those that go on', async t => {
  const world = await ChunkWorld.of(three)
  const first = await world.lease()
  world.write(first, 5)
  for (const server of world.servers) await world.finish(server.heartbeat())
  const lost = world.server(2)
  lost.muffled.add('fence')
  const second = await world.lease(0, { known: first.version })
  t.equal(second.replicas.length, 2)
  t.ok((lost.replicas.get(first.chunk)?.version ?? 0) > first.version, 'the fence was done')
  t.ok((lost.replicas.get(first.chunk)?.version ?? Infinity) < second.version, 'but for nothing')
})

t.test('a replica that could not be made like the others is left behind under an older version', async t => {
  const world = await ChunkWorld.of(three)
  const first = await world.lease()
  world.write(first, 5)
  for (const server of world.servers) await world.finish(server.heartbeat())
  const odd = world.servers.find(({ id }) => id !== first.primary)
  odd?.apply(first.chunk, first.version, 6)
  odd?.refusing.add('patch')
  const second = await world.lease(0, { known: first.version })
  t.equal(second.replicas.length, 2)
  t.ok((odd?.replicas.get(first.chunk)?.version ?? Infinity) < second.version)
})

t.test('a primary that does not take the lease is passed over', async t => {
  const world = await ChunkWorld.of([{}, {}, {}, {}])
  for (const server of world.servers.slice(1)) server.refusing.add('grant')
  const given = await world.lease()
  t.equal(given.primary, 1)
  t.notOk(world.server(given.primary).granted[0]?.version !== given.version, 'under the version it was given')
})

t.test('a new chunk whose primary died before the first write gets other servers', async t => {
  const world = await ChunkWorld.of([{}, {}, {}, {}])
  const first = await world.lease()
  world.server(first.primary).kill()
  const second = await world.lease(0, { suspects: [first.primary], known: first.version })
  t.not(second.primary, first.primary)
  t.equal(second.replicas.length, 3)
  t.ok(world.server(second.primary).granted[0]?.create)
  t.notOk(world.write(first, 5), 'the lease before is worth nothing')
})

t.test('a chunk is not made anew while a server that may have written it is away', async t => {
  const world = await ChunkWorld.of(three, { replicas: 1 })
  const first = await world.lease()
  t.ok(world.write(first, 5), 'acknowledged, and not reported')
  world.server(first.primary).kill()
  await t.rejects(world.lease(0, { suspects: [first.primary], known: first.version }), code('no-replica'))
  await world.finish(world.server(first.primary).connect())
  const again = await world.lease(0, { known: first.version })
  t.equal(again.primary, first.primary)
  t.equal(world.server(first.primary).replicas.get(first.chunk)?.content, 5)
})

t.test('after a restart of the master nothing is decided before the servers are back', async t => {
  const world = await ChunkWorld.of(three)
  const first = await world.lease()
  world.write(first, 5)
  await world.restartMaster()
  const asked = world.lease(0)
  for (const server of world.servers) await world.finish(server.connect())
  const again = await asked
  t.equal(again.replicas.length, 3, 'all three are in')
  t.ok(again.version > first.version)
  t.ok(world.clock.nowMs() < world.config.settleMs, 'and nobody waited longer than needed')
})

t.test('a replica under a later version than recorded is current: the master died in the middle of a grant', async t => {
  const world = await ChunkWorld.of(three)
  const first = await world.lease()
  world.write(first, 5)
  for (const server of world.servers) await world.finish(server.heartbeat())
  const version = world.table.takeVersion()
  for (const server of world.servers.slice(0, 2)) {
    const replica = server.replicas.get(first.chunk)
    if (replica !== undefined) replica.version = version
  }
  await world.restartMaster()
  for (const server of world.servers) await world.finish(server.connect())
  t.equal((await world.lease()).replicas.length, 3)
})

t.test('one that lost acknowledged bytes in a power cut stays out while there are others', async t => {
  const world = await ChunkWorld.of(three)
  const first = await world.lease()
  world.write(first, 5)
  const doubtful = world.server(3).replicas.get(first.chunk)
  if (doubtful !== undefined) Object.assign(doubtful, { state: 'doubtful', content: 4 })
  await world.restartMaster()
  for (const server of world.servers) await world.finish(server.connect())
  const second = await world.lease()
  t.strictSame(second.replicas.map(({ server }) => server).sort(), [1, 2])
  t.equal(world.server(1).replicas.get(first.chunk)?.content, 5)
})

t.test('one that lost acknowledged bytes is not taken while a good one is only out of reach', async t => {
  const world = await ChunkWorld.of(three)
  const first = await world.lease()
  world.write(first, 5)
  await world.pass(world.config.heartbeatMs)
  const [one] = world.servers
  one?.kill()
  Object.assign(one?.replicas.get(first.chunk) ?? {}, { state: 'doubtful', content: 4 })
  await world.finish(one?.connect() ?? Promise.resolve())
  world.server(2).kill()
  world.server(3).kill()
  await world.finish(new Promise<void>(resolve => { world.clock.after(100, resolve) }))
  await t.rejects(world.lease(), { code: 'no-replica' })
  await world.finish(world.server(3).connect())
  t.strictSame((await world.lease()).replicas.map(({ server }) => server), [3], 'it is back')
})

t.test('who remembers most becomes the primary, also where all remember the recorded version', async t => {
  const world = await ChunkWorld.of(three)
  const first = await world.lease()
  world.write(first, 5)
  const recorded = world.table.chunk(first.chunk)?.version ?? 0
  for (const server of world.servers) server.rememberedSince = recorded as never
  const oldest = world.servers.find(({ id }) => id !== first.primary)
  if (oldest !== undefined) oldest.rememberedSince = (recorded - 1) as never
  const second = await world.lease(0, { known: first.version })
  t.equal(second.primary, oldest?.id)
})

t.test('when all lost something, the one with most is what the others get', async t => {
  const world = await ChunkWorld.of(three)
  const first = await world.lease()
  world.write(first, 5)
  for (const { replicas, id } of world.servers) Object.assign(replicas.get(first.chunk) ?? {}, { state: 'doubtful', content: id })
  await world.restartMaster()
  for (const server of world.servers) await world.finish(server.connect())
  const second = await world.lease()
  t.equal(second.replicas.length, 3)
  t.equal(new Set(world.servers.map(({ replicas }) => replicas.get(first.chunk)?.content)).size, 1)
})

t.test('leases tell under which version something was lost, also after a restart of the master', async t => {
  const world = await ChunkWorld.of(three)
  const first = await world.lease()
  world.write(first, 5)
  t.equal(first.lossVersion, undefined)
  for (const { replicas } of world.servers) Object.assign(replicas.get(first.chunk) ?? {}, { state: 'doubtful' })
  await world.restartMaster()
  for (const server of world.servers) await world.finish(server.connect())
  const second = await world.lease()
  t.ok(second.version > first.version)
  t.equal(second.lossVersion, second.version)
  await world.restartMaster()
  for (const server of world.servers) await world.finish(server.connect())
  const third = await world.lease()
  t.ok(third.version > second.version)
  t.equal(third.lossVersion, second.version, 'nothing more was lost since')
})

t.test('where all replicas are gone, what was in them is lost', async t => {
  const world = await ChunkWorld.of(three)
  const first = await world.lease()
  world.write(first, 5)
  for (const { replicas } of world.servers) replicas.clear()
  await world.restartMaster()
  for (const server of world.servers) await world.finish(server.connect())
  const second = await world.lease()
  t.equal(second.lossVersion, second.version)
})

t.test('where a good replica is left nothing is lost', async t => {
  const world = await ChunkWorld.of(three)
  const first = await world.lease()
  world.write(first, 5)
  for (const id of [1, 2]) Object.assign(world.server(id).replicas.get(first.chunk) ?? {}, { state: 'doubtful', content: 4 })
  await world.restartMaster()
  for (const server of world.servers) await world.finish(server.connect())
  t.equal((await world.lease()).lossVersion, undefined)
})

t.test('a primary that registers anew loses its leases', async t => {
  const world = await ChunkWorld.of(three)
  const first = await world.lease()
  world.write(first, 5)
  const primary = world.server(first.primary)
  primary.kill()
  await world.finish(primary.connect())
  t.ok((await world.lease()).version > first.version)
})

t.test('leases are renewed by heartbeats that name them, and only for their primary and version', async t => {
  const world = await ChunkWorld.of(three)
  const { chunk, version, primary } = await world.lease()
  t.strictSame(await world.finish(world.server(primary).heartbeat([{ chunk, version }])), [chunk])
  t.strictSame(await world.finish(world.server(primary).heartbeat([{ chunk, version: version - 1 as never }])), [])
  const other = world.servers.find(({ id }) => id !== primary)
  t.strictSame(await world.finish(other?.heartbeat([{ chunk, version }]) ?? Promise.resolve([])), [])
})

t.test('no server, and full disks, are told apart', async t => {
  const none = await ChunkWorld.of([], { settleMs: 10 })
  await t.rejects(none.lease(), code('not-enough-servers'))
  const full = await ChunkWorld.of([{}], { settleMs: 10 })
  full.server(1).freeBytes = 2 ** 20
  await full.finish(full.server(1).heartbeat())
  await t.rejects(full.lease(), code('no-space'))
})
