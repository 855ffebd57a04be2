import t from 'tap'
import { chunkserverApi, type CommitOutcome } from '../../../src/protocol/chunkserver-api.ts'
import type { Mutation } from '../../../src/protocol/chunks.ts'
import { checksumOf, type Checksum } from '../../../src/protocol/checksum.ts'
import type { PushId } from '../../../src/protocol/identifiers.ts'
import { limits } from '../../../src/protocol/limits.ts'
import { CHUNK_BYTES, chunk, Servers, version } from '../servers.ts'

const all = [1, 2, 3]
const done = (outcome: CommitOutcome): CommitOutcome & { outcome: 'done' } => {
  if (outcome.outcome !== 'done') throw new Error(`not done: ${JSON.stringify(outcome)}`)
  return outcome
}

/** What a chunk must hold after mutations in the order of their numbers. */
function modelOf(mutations: readonly { serial: number, offsetBytes: number, data: Buffer, resize?: number }[]): Buffer {
  let contents = Buffer.alloc(0)
  for (const { offsetBytes, data, resize } of [...mutations].sort((one, other) => one.serial - other.serial)) {
    const grown = Buffer.alloc(resize ?? Math.max(contents.length, offsetBytes + data.length))
    contents.copy(grown)
    data.copy(grown, offsetBytes)
    contents = grown
  }
  return contents
}

t.test('writes, appends and resizes reach all replicas in one order', async t => {
  for (let seed = 1; seed <= 12; seed++) {
    const servers = await Servers.start(seed)
    const { random } = servers.world
    await servers.grant(1, { v: 1, peers: all, create: true })
    const running = Array.from({ length: 40 }, async () => {
      const kind = random.pick(['write', 'write', 'append', 'resize'] as const)
      const data = random.bytes(kind === 'resize' ? 0 : 1 + random.below(5_000))
      const offsetBytes = random.below(200_000)
      const lengthBytes = random.below(250_000)
      const mutation: Mutation = kind === 'write'
        ? { kind, extents: [{ offsetBytes, lengthBytes: data.length }] }
        : kind === 'append' ? { kind } : { kind, lengthBytes }
      const outcome = done(await servers.commit(1, 1, mutation, kind === 'resize' ? {} : { data }))
      return kind === 'resize'
        ? { serial: outcome.serial, offsetBytes: 0, data, resize: lengthBytes }
        : { serial: outcome.serial, offsetBytes: outcome.offsetBytes, data }
    })
    const expected = modelOf(await servers.finish(Promise.all(running)))
    for (const number of all) {
      t.ok((await servers.finish(servers.read(number))).equals(expected), `seed ${seed}: server ${number}`)
    }
  }
})

t.test('mutations whose bytes go different ways are applied in one order all the same', async t => {
  for (let seed = 1; seed <= 8; seed++) {
    const servers = await Servers.start(seed)
    const { random, network } = servers.world
    network.jitterMs = 5
    await servers.grant(1, { v: 1, peers: all, create: true })
    const running = Array.from({ length: 30 }, async (_, number) => {
      const small = random.chance(0.6)
      const data = random.bytes(small ? 100 : 70_000 + random.below(10_000))
      const offsetBytes = random.below(30_000)
      const mutation: Mutation = { kind: 'write', extents: [{ offsetBytes, lengthBytes: data.length }] }
      // A chain that leaves some out, who then get the bytes from the primary, over another connection than small ones.
      if (!small) await servers.push(random.pick([[1], [1, 2], [3, 1], [2, 1, 3]]), 100 + number, data)
      const outcome = done(await servers.commit(1, 1, mutation,
        small ? { data } : { source: { from: 'push', push: 100 + number as PushId } }))
      return { serial: outcome.serial, offsetBytes, data }
    })
    const expected = modelOf(await servers.finish(Promise.all(running)))
    for (const number of all) {
      t.ok((await servers.finish(servers.read(number))).equals(expected), `seed ${seed}: server ${number}`)
    }
  }
})

t.test('a commit that is repeated happens once', async t => {
  const servers = await Servers.start(1)
  await servers.grant(1, { v: 1, peers: all, create: true })
  const data = Buffer.from('once')
  const append = (): Promise<CommitOutcome> => servers.commit(1, 1, { kind: 'append' }, { data, commit: 99 })
  const [first, meanwhile] = await servers.finish(Promise.all([append(), append()]))
  const after = await servers.finish(append())
  t.equal(done(first).offsetBytes, 0)
  t.strictSame(meanwhile, first)
  t.strictSame(after, first)
  t.equal((await servers.finish(servers.read(2))).toString(), 'once')
})

t.test('when a secondary dies nothing is acknowledged until the master has chosen the members anew', async t => {
  for (let seed = 1; seed <= 10; seed++) {
    const servers = await Servers.start(seed)
    const { random } = servers.world
    await servers.grant(1, { v: 1, peers: all, create: true })
    const victim = servers.member(3).shown.server
    servers.world.clock.after(random.fraction() * 20, () => { servers.kill(3) })
    const written = Array.from({ length: 30 }, (_, number) => ({ commit: 1_000 + number, data: random.bytes(500) }))
    const append = (v: number, { commit, data }: typeof written[number]): Promise<CommitOutcome> =>
      servers.commit(1, v, { kind: 'append' }, { data, commit })
    const outcomes = await servers.finish(Promise.all(written.map(async (each, number) => {
      await new Promise<void>(resolve => { servers.world.clock.after(number, resolve) })
      return append(1, each)
    })))
    const failed = outcomes.filter(outcome => outcome.outcome === 'replicas-failed')
    t.ok(failed.length > 0, `seed ${seed}: the death was felt`)
    t.ok(failed.every(({ servers: named }) => named.length === 1 && named[0] === victim), 'and the right one was named')
    t.same(await servers.finish(append(1, { commit: 5_000, data: Buffer.from('more') })),
      { outcome: 'replicas-failed', servers: [victim] })

    const before = await Promise.all([servers.fence(1, 2), servers.fence(2, 2)])
    if (before[0].tableChecksum !== before[1].tableChecksum) await servers.reconcile(1, { v: 2, peers: [2] })
    await servers.grant(1, { v: 2, peers: [1, 2] })
    const repeated = await servers.finish(Promise.all(written.map(each => append(2, each))))
    const contents = await servers.finish(servers.read(2, { v: 2 }))
    t.ok((await servers.finish(servers.read(1, { v: 2 }))).equals(contents))
    t.equal(contents.length, 30 * 500, 'each of them once')
    repeated.forEach((outcome, number) => {
      const { offsetBytes } = done(outcome)
      t.ok(contents.subarray(offsetBytes, offsetBytes + 500).equals(written[number]?.data ?? Buffer.alloc(0)))
      const first = outcomes[number]
      if (first?.outcome === 'done') t.equal(offsetBytes, first.offsetBytes, 'what was acknowledged stays where it was')
    })
  }
})

t.test('the master hears that replicas may differ, until they are fenced', async t => {
  const servers = await Servers.start(1)
  const said = (number: number): boolean | undefined =>
    servers.master.reported.get(servers.member(number).shown.server)?.get(chunk)?.uneven
  await servers.grant(1, { v: 1, peers: all, create: true })
  await servers.finish(servers.write(1, 1, 0, Buffer.from('first')))
  servers.kill(3)
  t.match(await servers.finish(servers.write(1, 1, 0, Buffer.from('second'))), { outcome: 'replicas-failed' })
  await servers.until(() => said(1) === true, 'the primary has said so')
  const { host, disk } = servers.kill(2)
  await servers.launch(host, disk)
  await servers.until(() => said(2) === true, 'and one that was in use when its process ended')
  await servers.fence(2, 2)
  t.notOk(servers.member(2).server.store.get(chunk)?.isUneven)
})

t.test('a secondary that has lost its new replica fails at once', async t => {
  const servers = await Servers.start(1)
  await servers.grant(1, { v: 1, peers: all, create: true })
  await servers.finish(servers.write(1, 1, 0, Buffer.from('first')))
  await servers.drop(2, 1)
  const { host, disk, shown } = servers.kill(2)
  await servers.launch(host, disk)
  const beforeMs = servers.world.clock.nowMs()
  t.same(await servers.finish(servers.write(1, 1, 5, Buffer.from('second'))),
    { outcome: 'replicas-failed', servers: [shown.server] })
  t.ok(servers.world.clock.nowMs() - beforeMs < 1_000, 'it waits for no mutation that came before')
})

t.test('pushed bytes travel down the chain once and are written where the commit says', async t => {
  const servers = await Servers.start(1)
  await servers.grant(2, { v: 1, peers: all, create: true })
  const data = servers.world.random.bytes(300_000)
  t.same(await servers.finish(servers.push([3, 1, 2], 5, data)), { failed: [] })
  const write: Mutation = { kind: 'write', extents: [
    { offsetBytes: 500_000, lengthBytes: 100_000 }, { offsetBytes: 10, lengthBytes: 200_000 },
  ] }
  done(await servers.finish(servers.commit(2, 1, write, { source: { from: 'push', push: 5 as PushId } })))
  for (const number of all) {
    const contents = await servers.finish(servers.read(number))
    t.ok(contents.subarray(500_000, 600_000).equals(data.subarray(0, 100_000)))
    t.ok(contents.subarray(10, 200_010).equals(data.subarray(100_000)))
    t.equal(contents.length, 600_000)
  }
})

t.test('a secondary that does not hold the push is sent the bytes', async t => {
  const servers = await Servers.start(1)
  await servers.grant(1, { v: 1, peers: all, create: true })
  const data = servers.world.random.bytes(100_000)
  await servers.finish(servers.push([1, 2], 5, data))
  const source = { from: 'push', push: 5 as PushId } as const
  done(await servers.finish(servers.commit(1, 1, { kind: 'append' }, { source })))
  for (const number of all) t.ok((await servers.finish(servers.read(number))).equals(data))
})

t.test('a push names the servers behind a dead one, and is of use all the same', async t => {
  const servers = await Servers.start(1)
  await servers.grant(1, { v: 1, peers: [1, 3], create: true })
  const failed = [servers.member(2).shown.server, servers.member(3).shown.server]
  const chain = servers.shown(all)
  servers.kill(2)
  const data = servers.world.random.bytes(100_000)
  const pushed = servers.ask(1, chunkserverApi.methods.push, { push: 5 as PushId, checksum: checksumOf(data), chain }, data)
  t.same(await servers.finish(pushed), { failed })
  done(await servers.finish(servers.commit(1, 1, { kind: 'append' }, { source: { from: 'push', push: 5 as PushId } })))
  t.ok((await servers.finish(servers.read(3))).equals(data))
})

t.test('a push says of a server without room that it lives', async t => {
  const servers = await Servers.start(1)
  const data = Buffer.alloc(limits.payloadBytesMax)
  for (let at = 0; at < limits.heldBytesMax; at += data.length) await servers.finish(servers.push([2], 100 + at, data))
  const failed = [servers.member(2).shown.server, servers.member(3).shown.server]
  t.same(await servers.finish(servers.push(all, 5, data)), { failed, busy: true })
})

t.test('damaged bytes are refused, pushed or beside a commit', async t => {
  const servers = await Servers.start(1)
  await servers.grant(1, { v: 1, peers: all, create: true })
  const data = Buffer.from('damaged')
  const checksum = (checksumOf(data) ^ 1) >>> 0 as Checksum
  await t.rejects(servers.finish(servers.ask(1, chunkserverApi.methods.push,
    { push: 5 as PushId, checksum, chain: servers.shown(all) }, data)), { code: 'bad-message' })
  await t.rejects(servers.finish(servers.commit(1, 1, { kind: 'append' }, { data, source: { from: 'payload', checksum } })),
    { code: 'bad-message' })
  await t.rejects(servers.finish(servers.commit(1, 1, { kind: 'append' }, { source: { from: 'push', push: 5 as PushId } })),
    { code: 'push-unknown' })
  done(await servers.finish(servers.commit(1, 1, { kind: 'append' }, { data })))
})

t.test('an append writes what fits, then says that the chunk is full', async t => {
  const servers = await Servers.start(1)
  await servers.grant(1, { v: 1, peers: all, create: true })
  await servers.finish(servers.commit(1, 1, { kind: 'resize', lengthBytes: CHUNK_BYTES - 3 }))
  const last = done(await servers.finish(servers.commit(1, 1, { kind: 'append' }, { data: Buffer.from('abcdef') })))
  t.match(last, { offsetBytes: CHUNK_BYTES - 3, writtenBytes: 3, lengthBytes: CHUNK_BYTES })
  await t.rejects(servers.finish(servers.commit(1, 1, { kind: 'append' }, { data: Buffer.from('g') })), { code: 'chunk-full' })
  for (const number of all) {
    t.equal((await servers.finish(servers.read(number, { offsetBytes: CHUNK_BYTES - 3 }))).toString(), 'abc')
  }
})

t.test('a mutation that does not fit its bytes or the chunk is refused', async t => {
  const servers = await Servers.start(1)
  await servers.grant(1, { v: 1, peers: all, create: true })
  const refused: [Mutation, Buffer][] = [
    [{ kind: 'write', extents: [{ offsetBytes: 0, lengthBytes: 4 }] }, Buffer.from('abc')],
    [{ kind: 'write', extents: [{ offsetBytes: CHUNK_BYTES - 2, lengthBytes: 3 }] }, Buffer.from('abc')],
    [{ kind: 'resize', lengthBytes: CHUNK_BYTES + 1 }, Buffer.alloc(0)],
    [{ kind: 'append' }, Buffer.alloc(0)],
  ]
  for (const [mutation, data] of refused) {
    await t.rejects(servers.finish(servers.commit(1, 1, mutation, { data })), { code: 'invalid' })
  }
  done(await servers.finish(servers.write(1, 1, 0, Buffer.from('fine'))))
})

t.test('only the holder of a lease commits, under its version, and until it runs out', async t => {
  const servers = await Servers.start(1)
  servers.master.renews = false
  const data = Buffer.from('x')
  await servers.grant(1, { v: 3, peers: all, create: true, leaseMs: 20_000 })
  await t.rejects(servers.finish(servers.write(2, 3, 0, data)), { code: 'lease-lost' })
  await t.rejects(servers.finish(servers.write(1, 2, 0, data)), { code: 'lease-lost' })
  done(await servers.finish(servers.write(1, 3, 0, data)))
  await servers.pass(20_000)
  await t.rejects(servers.finish(servers.write(1, 3, 0, data)), { code: 'lease-lost' })
})

t.test('a lease in use is renewed, an idle one runs out', async t => {
  const servers = await Servers.start(1)
  await servers.grant(1, { v: 3, peers: all, create: true, leaseMs: 20_000 })
  for (let turn = 0; turn < 10; turn++) {
    done(await servers.finish(servers.write(1, 3, turn, Buffer.from('x'))))
    await servers.pass(6_000)
  }
  t.ok(servers.master.renewals.length > 0)
  await servers.pass(40_000)
  await t.rejects(servers.finish(servers.write(1, 3, 0, Buffer.from('x'))), { code: 'lease-lost' })
})

t.test('a lease under which something is written at its beginning only is not renewed', async t => {
  const servers = await Servers.start(1)
  await servers.grant(1, { v: 3, peers: all, create: true, leaseMs: 60_000 })
  done(await servers.finish(servers.write(1, 3, 0, Buffer.from('x'))))
  await servers.pass(50_000)
  t.strictSame(servers.master.renewals, [])
  done(await servers.finish(servers.write(1, 3, 0, Buffer.from('x'))))
  await servers.pass(5_000)
  t.strictSame(servers.master.renewals, [chunk])
})

async function survivesPowerCut(servers: Servers, number: number, data: Buffer): Promise<boolean> {
  const { host, disk } = servers.kill(number)
  disk.powerCut()
  const { server } = await servers.launch(host, disk)
  const replica = server.store.get(chunk)
  return replica !== undefined && (await servers.finish(replica.read(0, 300_000))).data.equals(data)
}

t.test('what was synced is there after a power cut of all servers', async t => {
  for (let seed = 1; seed <= 10; seed++) {
    const servers = await Servers.start(seed)
    await servers.grant(1, { v: 1, peers: all, create: true })
    const data = servers.world.random.bytes(200_000)
    const writes = Array.from({ length: 10 }, (_, part) => {
      const at = part * 20_000
      return servers.write(1, 1, at, data.subarray(at, at + 20_000))
    })
    await servers.finish(Promise.all(writes))
    t.same(await servers.finish(servers.ask(1, chunkserverApi.methods.sync, { chunk, version: version(1) })), { outcome: 'done' })
    for (const number of all) t.ok(await survivesPowerCut(servers, number, data), `seed ${seed}: ${number}`)
  }
})

t.test('a commit with a sync is there after a power cut of all servers, with all before it and also when it is repeated', async t => {
  for (let seed = 1; seed <= 10; seed++) {
    const servers = await Servers.start(seed)
    await servers.grant(1, { v: 1, peers: all, create: true })
    const data = servers.world.random.bytes(100_000)
    const mutation = { kind: 'write' as const, extents: [{ offsetBytes: 60_000, lengthBytes: 40_000 }] }
    const last = (sync: boolean): Promise<CommitOutcome> =>
      servers.finish(servers.commit(1, 1, mutation, { data: data.subarray(60_000), commit: 7, sync }))
    await servers.finish(servers.write(1, 1, 0, data.subarray(0, 60_000)))
    const repeated = seed % 2 === 0
    const first = repeated ? await last(false) : undefined
    const synced = await last(true)
    t.equal(synced.outcome, 'done')
    if (repeated) t.strictSame(synced, first)
    for (const number of all) t.ok(await survivesPowerCut(servers, number, data), `seed ${seed}: ${number}`)
  }
})

t.test('a sync does not count on a member that was restarted since the bytes came', async t => {
  for (const how of ['kill', 'power cut'] as const) {
    const servers = await Servers.start(1)
    await servers.grant(1, { v: 1, peers: all, create: true })
    const sync = (): Promise<unknown> =>
      servers.finish(servers.ask(1, chunkserverApi.methods.sync, { chunk, version: version(1) }))
    await servers.finish(servers.write(1, 1, 0, Buffer.from('synced')))
    t.same(await sync(), { outcome: 'done' })
    await servers.finish(servers.write(1, 1, 0, Buffer.from('not yet')))
    const { host, disk } = servers.kill(2)
    if (how === 'power cut') disk.powerCut()
    await servers.launch(host, disk)
    await servers.until(() => servers.master.reported.size === 3, 'registered again')
    t.ok(servers.member(2).server.store.get(chunk) !== undefined, 'it has a replica of that version')
    t.notSame(await sync().catch((error: unknown) => error), { outcome: 'done' }, how)
  }
})

t.test('a disk that fails takes its own replica out, and the master hears of it', async t => {
  const servers = await Servers.start(1)
  await servers.grant(1, { v: 1, peers: all, create: true })
  done(await servers.finish(servers.write(1, 1, 0, Buffer.from('before'))))
  servers.member(2).disk.totalBytes = servers.member(2).disk.usedBytes()
  const outcome = await servers.finish(servers.write(1, 1, 100_000, Buffer.from('behind')))
  t.same(outcome, { outcome: 'replicas-failed', servers: [servers.member(2).shown.server] })
  await servers.until(() => servers.master.faultOf(servers.member(2).shown.server) !== '', 'the fault is reported')
})

t.test('when the disks of all replicas are full, the writer hears of it at once; with room again a new lease works', async t => {
  const servers = await Servers.start(1)
  await servers.grant(1, { v: 1, peers: all, create: true })
  done(await servers.finish(servers.commit(1, 1, { kind: 'append' }, { data: Buffer.from('before') })))
  const disks = all.map(number => servers.member(number).disk)
  for (const disk of disks) disk.totalBytes = disk.usedBytes()
  await t.rejects(servers.finish(servers.write(1, 1, 100_000, Buffer.from('lost'))), { code: 'no-space' })
  for (const disk of disks) disk.totalBytes = 2 ** 40
  t.match(await servers.finish(servers.commit(1, 1, { kind: 'append' }, { data: Buffer.from('late') })), { outcome: 'replicas-failed' })
  t.equal((await servers.finish(servers.read(1, { offsetBytes: 0, lengthBytes: 6 }))).toString(), 'before')
})
