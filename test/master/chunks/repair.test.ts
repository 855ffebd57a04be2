import t from 'tap'
import type { ChunkId, ChunkIndex, InodeId } from '../../../src/protocol/identifiers.ts'
import { ChunkWorld } from './chunk-world.ts'

/** A world with a chunk that all three of its servers have reported. */
async function written(servers: { rack?: string, host?: string }[] = [{}, {}, {}, {}], chunks = 1, config = {}) {
  const world = await ChunkWorld.of(servers, config)
  const leases = []
  for (let index = 0; index < chunks; index++) {
    const given = await world.lease(index)
    if (!world.write(given, index + 1)) throw new Error('not acknowledged')
    leases.push(given)
  }
  await world.pass(world.config.heartbeatMs)
  const first = leases[0]
  if (first === undefined) throw new Error('no chunk')
  return { world, leases, first }
}

t.test('a dead server is replaced, and not before it counts as dead', async t => {
  const { world, first } = await written()
  world.server(first.primary).kill()
  await world.pass(world.config.deadMs - 2 * world.config.heartbeatMs)
  t.equal(world.holders(first.chunk).length, 3, 'it may come back')
  t.equal(world.repair.counts().underReplicated, 0)
  await world.pass(6 * world.config.heartbeatMs)
  t.equal(world.holders(first.chunk).filter(id => id !== first.primary).length, 3)
  t.strictSame(world.repair.counts(), { underReplicated: 0, missing: 0 })
})

t.test('a server that comes back with what was replaced gives it up again', async t => {
  const { world, first } = await written()
  const victim = world.server(first.primary)
  victim.kill()
  await world.pass(world.config.deadMs + 6 * world.config.heartbeatMs)
  await world.finish(victim.connect())
  await world.pass(6 * world.config.heartbeatMs)
  t.equal(world.holders(first.chunk).length, 3)
})

t.test('a corrupt replica goes once another is good, and is made anew', async t => {
  const { world, first } = await written([{}, {}, {}])
  Object.assign(world.server(2).replicas.get(first.chunk) ?? {}, { state: 'corrupt' })
  await world.pass(world.config.leaseMs + 4 * world.config.heartbeatMs)
  t.match(world.server(2).replicas.get(first.chunk), { state: 'good', content: 1 })
})

t.test('the last replica stays, corrupt as it is', async t => {
  const { world, first } = await written([{}, {}, {}])
  for (const { replicas } of world.servers) Object.assign(replicas.get(first.chunk) ?? {}, { state: 'corrupt' })
  await world.pass(5 * world.config.heartbeatMs)
  t.equal(world.holders(first.chunk).length, 3)
  t.equal(world.repair.counts().missing, 1)
})

t.test('a doubtful replica is made anew from a good one', async t => {
  const { world, first } = await written([{}, {}, {}])
  const [one] = world.servers
  one?.kill()
  Object.assign(one?.replicas.get(first.chunk) ?? {}, { state: 'doubtful', content: 0 })
  await world.finish(one?.connect() ?? Promise.resolve())
  await world.pass(world.config.leaseMs + 4 * world.config.heartbeatMs)
  t.match(one?.replicas.get(first.chunk), { state: 'good', content: 1 })
})

t.test('when all are doubtful they are made alike and go on', async t => {
  const { world, first } = await written([{}, {}, {}])
  for (const server of world.servers) {
    Object.assign(server.replicas.get(first.chunk) ?? {}, { state: 'doubtful', content: server.id })
    server.kill()
  }
  await world.restartMaster()
  for (const server of world.servers) await world.finish(server.connect())
  const before = world.table.chunk(first.chunk)?.version ?? 0
  await world.pass(4 * world.config.heartbeatMs)
  const after = world.table.chunk(first.chunk)?.version ?? 0
  t.ok(after > before)
  t.equal(new Set(world.servers.map(({ replicas }) => replicas.get(first.chunk)?.content)).size, 1)
  await world.pass(4 * world.config.heartbeatMs)
  t.equal(world.table.chunk(first.chunk)?.version, after, 'once is enough')
  t.strictSame(world.repair.counts(), { underReplicated: 0, missing: 0 })
})

t.test('a chunk that is being written is not copied at once, but a busy one not never', async t => {
  const { world, first } = await written([{}, {}, {}, {}])
  const [victim] = first.replicas.filter(({ server }) => server !== first.primary)
  const second = await world.lease(0, { suspects: [victim?.server ?? 0], known: first.version })
  t.equal(second.replicas.length, 2)
  const renew = [{ chunk: second.chunk, version: second.version }]
  const use = async (heartbeats: number): Promise<void> => {
    for (let turn = 0; turn < heartbeats; turn++) {
      await world.finish(world.server(second.primary).heartbeat(renew))
      await world.pass(world.config.heartbeatMs)
    }
  }
  await use(5)
  t.strictSame(world.servers.flatMap(({ copied }) => copied), [])
  await use(10)
  t.equal(world.servers.flatMap(({ copied }) => copied).length, 1)
  t.equal((await world.lease(0)).replicas.length, 3, 'and the writer goes on with three')
})

t.test('the last good replica is copied at once, however busy it is', async t => {
  const { world, first } = await written([{}, {}, {}, {}])
  const suspects = first.replicas.map(({ server }) => server).filter(server => server !== first.primary)
  const second = await world.lease(0, { suspects, known: first.version })
  t.equal(second.replicas.length, 1)
  await world.finish(world.server(second.primary).heartbeat([{ chunk: second.chunk, version: second.version }]))
  await world.pass(2 * world.config.heartbeatMs)
  t.ok(world.servers.some(({ copied }) => copied.length > 0))
})

t.test('copies never run while somebody may write under a lease that cannot be ended', async t => {
  const { world, first } = await written([{}, {}, {}, {}], 1, { leaseMs: 3_600_000 })
  const primary = world.server(first.primary)
  world.world.network.cut('master', `server-${primary.id}`)
  await world.pass(world.config.deadMs + 8 * world.config.heartbeatMs)
  t.ok(world.servers.some(({ copied }) => copied.length > 0), 'a copy was made')
  t.notOk(world.write(first, 9), 'which nobody can be behind: nothing is acknowledged under the old lease')
})

t.test('the most endangered chunk comes first, and copies are bounded', async t => {
  const { world, leases } = await written([{}, {}, {}, {}, {}, {}], 40)
  await world.pass(world.config.leaseMs + world.config.heartbeatMs)
  const [one, two] = world.servers
  one?.kill()
  two?.kill()
  for (const server of world.servers) server.mute.add('copy')
  const started: number[] = []
  const step = world.repair.step.bind(world.repair)
  for (let ms = 0; ms < world.config.deadMs + 2 * world.config.heartbeatMs; ms += world.config.heartbeatMs) {
    await world.finish(Promise.all(world.servers.map(server => server.heartbeat())))
    started.push(...step())
    await world.finish(new Promise<void>(resolve => { world.clock.after(world.config.heartbeatMs, resolve) }))
  }
  t.ok(started.length > 0)
  t.ok(world.repair.running <= 6 * world.config.repairStreams)
  for (const server of world.parts.servers.all()) t.ok(server.copies <= world.config.repairStreams)
  const alive = (chunk: number): number =>
    leases.find(each => each.chunk === chunk)?.replicas.filter(({ server }) => server > 2).length ?? 9
  t.equal(alive(started[0] ?? 0), Math.min(...leases.map(({ chunk }) => alive(chunk))))
})

t.test('chunks of removed files are dropped, and so is garbage that turns up', async t => {
  const { world, first } = await written([{}, {}, {}])
  world.table.records.delete(first.chunk)
  await world.pass(3 * world.config.heartbeatMs)
  t.strictSame(world.holders(first.chunk), [])
})

t.test('a replica of a chunk that was never handed out is left alone', async t => {
  const { world } = await written([{}, {}, {}])
  world.server(1).replicas.set(9_999 as never, { version: 1 as never, content: 1, state: 'good' })
  await world.pass(3 * world.config.heartbeatMs)
  t.strictSame(world.holders(9_999 as never), [1])
  t.ok(world.reports.warnedOfFuture)
})

t.test('a server without room gets no copies, and nothing is given up for it', async t => {
  const { world, first } = await written([{}, {}, {}, {}])
  const fourth = world.servers.find(({ id }) => !first.replicas.some(({ server }) => server === id))
  if (fourth !== undefined) fourth.freeBytes = 2 ** 20
  world.server(first.primary).kill()
  await world.pass(world.config.deadMs + 6 * world.config.heartbeatMs)
  t.strictSame(fourth?.copied, [])
  t.equal(world.repair.counts().underReplicated, 1)
})

t.test('a chunk that was never written is no loss', async t => {
  const world = await ChunkWorld.of([{}, {}, {}])
  await world.lease()
  await world.pass(world.config.leaseMs + 8 * world.config.heartbeatMs)
  t.strictSame(world.repair.counts(), { underReplicated: 0, missing: 0 })
  t.equal((await world.lease()).replicas.length, 3, 'and can be written later')
})

t.test('when a rack comes back, chunks that share one are spread again, and none is ever short', async t => {
  const { world, leases } = await written([{ rack: 'a' }, { rack: 'b' }, { rack: 'b' }], 5)
  await world.pass(world.config.leaseMs + world.config.heartbeatMs)
  await world.add({ rack: 'c' })
  for (let turn = 0; turn < 10; turn++) {
    await world.pass(world.config.heartbeatMs)
    for (const { chunk } of leases) t.ok(world.holders(chunk).length >= 3)
  }
  for (const { chunk } of leases) {
    t.strictSame(world.holders(chunk).map(id => world.server(id).rack).sort(), ['a', 'b', 'c'])
  }
})

t.test('each server takes part in no more copies than it may, and each copy gets its share of the rate', async t => {
  const { world } = await written([{}, {}, {}, {}, {}], 30, { repairStreams: 3, repairRateBytes: 3_000_000 })
  await world.pass(world.config.leaseMs + world.config.heartbeatMs)
  world.server(1).kill()
  for (const server of world.servers) server.mute.add('copy')
  for (let ms = 0; ms < world.config.deadMs + 2 * world.config.heartbeatMs; ms += world.config.heartbeatMs) {
    await world.finish(Promise.all(world.servers.map(server => server.heartbeat())))
    world.repair.step()
    await world.finish(new Promise<void>(resolve => { world.clock.after(world.config.heartbeatMs, resolve) }))
  }
  const asked = world.servers.flatMap(({ copyRates }) => copyRates)
  t.ok(asked.length > 0 && asked.every(rate => rate === 1_000_000), asked.join())
  for (const server of world.parts.servers.all()) t.ok(server.copies <= 3)
  t.ok([...world.parts.servers.all()].some(({ copies }) => copies === 3), 'and as many as it may')
})

t.test('what has been repaired is told', async t => {
  const { world, first } = await written()
  world.server(first.primary).kill()
  await world.pass(world.config.deadMs + 6 * world.config.heartbeatMs)
  t.match(world.repair.status(), {
    queued: { endangered: 0, underReplicated: 0, surplus: 0, leaving: 0, misplaced: 0 }, running: 0, copies: 1, copiedBytes: 1,
  })
})

t.test('after a restart a chunk that was allocated and never written is not missing; one that was promised is', async t => {
  const { world } = await written([{}, {}, {}])
  const never = (await world.table.allocate({}, 7 as InodeId, 5 as ChunkIndex)).chunk
  const lost = (await world.table.allocate({}, 7 as InodeId, 6 as ChunkIndex)).chunk
  world.table.beyondEnd.add(never)
  await world.restartMaster()
  for (const server of world.servers) {
    server.kill()
    await world.finish(server.connect())
  }
  await world.pass(3 * world.config.heartbeatMs)
  t.strictSame(world.repair.counts(), { underReplicated: 0, missing: 1 })
  t.notOk(world.repair.concerns(never))
  t.ok(world.repair.concerns(lost))
})

const contentsOf = (world: ChunkWorld, chunk: ChunkId): number[] =>
  world.servers.flatMap(({ replicas }) => replicas.get(chunk)?.content ?? [])

t.test('replicas that may differ are made alike when no writer comes', async t => {
  const { world, first } = await written([{}, {}, {}])
  Object.assign(world.server(2).replicas.get(first.chunk) ?? {}, { content: 99 })
  world.server(first.primary).uneven.add(first.chunk)
  await world.pass(world.config.heartbeatMs)
  t.equal(world.table.chunk(first.chunk)?.version, first.version, 'a writer has some time to come')
  await world.pass(5 * world.config.heartbeatMs)
  t.equal(new Set(contentsOf(world, first.chunk)).size, 1)
  t.equal(contentsOf(world, first.chunk).length, 3)
  const agreed = world.table.chunk(first.chunk)?.version ?? 0
  t.ok(agreed > first.version)
  await world.pass(10 * world.config.heartbeatMs)
  t.equal(world.table.chunk(first.chunk)?.version, agreed, 'once')
})

t.test('a writer that comes by itself is not disturbed', async t => {
  const { world, first } = await written([{}, {}, {}])
  world.server(first.primary).uneven.add(first.chunk)
  await world.pass(world.config.heartbeatMs)
  const second = await world.lease(0, { known: first.version })
  t.ok(second.version > first.version)
  await world.pass(6 * world.config.heartbeatMs)
  t.equal(world.table.chunk(first.chunk)?.version, second.version)
  t.ok(world.write(second, 7))
})

t.test('what a primary that dies leaves half done is made even, also when it never comes back', async t => {
  for (const comesBack of [true, false]) {
    const { world, first } = await written([{}, {}, {}])
    const secondary = world.servers.find(({ id }) => id !== first.primary)
    const primary = world.server(first.primary)
    Object.assign(secondary?.replicas.get(first.chunk) ?? {}, { content: 99 })
    primary.kill()
    if (comesBack) await world.finish(primary.connect())
    await world.pass(world.config.leaseMs + world.config.deadMs + 6 * world.config.heartbeatMs)
    const left = world.servers.filter(server => comesBack || server !== primary).flatMap(({ replicas }) => replicas.get(first.chunk) ?? [])
    t.equal(left.length, comesBack ? 3 : 2)
    t.equal(new Set(left.map(({ content }) => content)).size, 1, comesBack ? 'back' : 'gone')
  }
})

t.test('a server that is only away is not left behind to make the others even', async t => {
  const { world, first } = await written([{}, {}, {}])
  const away = world.servers.find(({ id }) => id !== first.primary)
  world.server(first.primary).uneven.add(first.chunk)
  away?.kill()
  await world.pass(6 * world.config.heartbeatMs)
  t.equal(world.table.chunk(first.chunk)?.version, first.version)
  await world.finish(away?.connect() ?? Promise.resolve())
  await world.pass(6 * world.config.heartbeatMs)
  t.ok((world.table.chunk(first.chunk)?.version ?? 0) > first.version)
  t.strictSame(world.servers.map(({ replicas }) => replicas.get(first.chunk)?.version),
    Array.from({ length: 3 }, () => world.table.chunk(first.chunk)?.version))
})

t.test('a version that a master gave out before it died is made that of all replicas', async t => {
  const { world, first } = await written([{}, {}, {}])
  const later = world.table.takeVersion()
  Object.assign(world.server(2).replicas.get(first.chunk) ?? {}, { version: later })
  await world.restartMaster()
  for (const server of world.servers) await world.finish(server.connect())
  await world.pass(world.config.settleMs + 6 * world.config.heartbeatMs)
  t.equal(new Set(world.servers.map(({ replicas }) => replicas.get(first.chunk)?.version)).size, 1)
  t.ok((world.table.chunk(first.chunk)?.version ?? 0) > later)
})
