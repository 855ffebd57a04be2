import t from 'tap'
import type { CommitOutcome } from '../../../src/protocol/chunkserver-api.ts'
import { namesOf } from '../../../src/chunkserver/store/names.ts'
import { dataStart } from '../../../src/chunkserver/store/table.ts'
import { CHUNK_BYTES, chunk, origin, Servers, version } from '../servers.ts'
import { chunkserverApi } from '../../../src/protocol/chunkserver-api.ts'

const all = [1, 2, 3]

/** A chunk on three servers under version 1, with some bytes. */
async function written(seed: number, lengthBytes = 300_000): Promise<{ servers: Servers, data: Buffer }> {
  const servers = await Servers.start(seed)
  await servers.grant(1, { v: 1, peers: all, create: true })
  const data = servers.world.random.bytes(lengthBytes)
  await servers.finish(servers.write(1, 1, 0, data))
  return { servers, data }
}

t.test('a fence lets running mutations end and refuses older ones from then on', async t => {
  for (let seed = 1; seed <= 10; seed++) {
    const { servers } = await written(seed)
    const { random, clock } = servers.world
    const outcomes: { acknowledged: boolean, data: Buffer, outcome?: CommitOutcome }[] = []
    const running = Array.from({ length: 40 }, async (_, number) => {
      await new Promise<void>(resolve => { clock.after(number * 0.5, resolve) })
      const data = random.bytes(200)
      try {
        const outcome = await servers.commit(1, 1, { kind: 'append' }, { data })
        outcomes.push({ acknowledged: outcome.outcome === 'done', data, outcome })
      } catch {
        outcomes.push({ acknowledged: false, data })
      }
    })
    await servers.pass(random.fraction() * 15)
    const digests = await Promise.all([servers.fence(2, 2), servers.fence(3, 2)])
    await servers.finish(Promise.all(running))
    t.ok(outcomes.some(({ acknowledged }) => !acknowledged), `seed ${seed}: the fence came in time to refuse some`)
    for (const number of [2, 3]) {
      const contents = await servers.finish(servers.read(number, { v: 2 }))
      t.equal(contents.length, digests[number - 2]?.lengthBytes, 'nothing was applied after the fence answered')
      for (const { data, outcome } of outcomes) {
        if (outcome?.outcome !== 'done') continue
        t.ok(contents.subarray(outcome.offsetBytes, outcome.offsetBytes + 200).equals(data), 'an acknowledged append is in it')
      }
    }
    await t.rejects(servers.finish(servers.write(1, 1, 0, Buffer.from('x'))), { code: 'lease-lost' })
  }
})

t.test('a fence on the primary ends its lease at once', async t => {
  const { servers } = await written(1)
  await servers.fence(1, 2)
  await t.rejects(servers.finish(servers.write(1, 1, 0, Buffer.from('x'))), { code: 'lease-lost' })
  await t.rejects(servers.grant(1, { v: 1, peers: all }), { code: 'stale-replica' })
})

t.test('a fence survives a restart, and an older one is refused', async t => {
  const { servers } = await written(1)
  await servers.fence(2, 5)
  const { host, disk } = servers.kill(2)
  disk.powerCut()
  await servers.launch(host, disk)
  await servers.until(() => servers.master.reported.size === 3, 'registered again')
  await t.rejects(servers.fence(2, 4), { code: 'stale-replica' })
  await t.rejects(servers.finish(servers.read(2, { v: 6 })), { code: 'stale-replica' })
  t.equal(servers.member(2).server.store.get(chunk)?.version, 5)
})

t.test('what a power cut left is read only when the master has accepted it', async t => {
  const { servers, data } = await written(1)
  await servers.finish(servers.ask(1, chunkserverApi.methods.sync, { chunk, version: version(1) }))
  const { host, disk } = servers.kill(2)
  disk.powerCut()
  await servers.launch(host, disk)
  await servers.until(() => servers.master.reported.size === 3, 'registered again')
  await t.rejects(servers.finish(servers.read(2)), { code: 'stale-replica' })
  t.match(await servers.fence(2, 2), { state: 'doubtful' })
  await servers.accept(2, 1)
  await t.rejects(servers.finish(servers.read(2)), { code: 'stale-replica' }, 'another version was meant')
  await servers.accept(2, 2)
  t.ok((await servers.finish(servers.read(2, { v: 2 }))).equals(data))
})

t.test('doubtful replicas that were made alike stay doubtful until the master has accepted them', async t => {
  const { servers } = await written(1)
  await servers.finish(servers.ask(1, chunkserverApi.methods.sync, { chunk, version: version(1) }))
  for (const number of [1, 2]) {
    const { host, disk } = servers.kill(number)
    disk.powerCut()
    await servers.launch(host, disk)
  }
  await servers.until(() => servers.master.reported.size === 3, 'registered again')
  await Promise.all([servers.fence(1, 2), servers.fence(2, 2)])
  // The last bytes of one are gone, so that the other has something to give it.
  await servers.finish(servers.member(2).server.store.get(chunk)?.patch(1, [], []) ?? Promise.reject(new Error('it has one')))
  t.same(await servers.reconcile(1, { v: 2, peers: [2] }), { failed: [] })
  t.match(await servers.fence(2, 3), { state: 'doubtful' }, 'or nobody would know that something was lost')
})

t.test('a chunk that was fenced where it has no replica is not made there under an older version', async t => {
  const servers = await Servers.start(1)
  await t.rejects(servers.fence(2, 2), { code: 'no-such-replica' })
  await servers.grant(1, { v: 1, peers: all, create: true })
  await t.rejects(servers.finish(servers.write(1, 1, 0, Buffer.from('late'))), { code: 'lease-lost' })
  t.equal(servers.onDisk(2), undefined)
})

t.test('after a restart a server takes part in no version it was not fenced to anew', async t => {
  for (const restarted of [1, 2]) {
    const { servers, data } = await written(restarted)
    const { host, disk } = servers.kill(restarted)
    await servers.launch(host, disk)
    await servers.until(() => servers.master.reported.size === 3, 'registered again')
    await t.rejects(servers.finish(servers.write(1, 1, 0, Buffer.from('x'))), { code: 'lease-lost' })
    await t.rejects(servers.grant(restarted, { v: 1, peers: all }), { code: 'stale-replica' })
    await Promise.all(all.map(number => servers.fence(number, 2)))
    await servers.reconcile(1, { v: 2, peers: all })
    await servers.grant(1, { v: 2, peers: all })
    await servers.finish(servers.write(1, 2, 0, Buffer.from('x')))
    for (const number of all) t.ok((await servers.finish(servers.read(number, { offsetBytes: 1 }))).equals(data.subarray(1)))
  }
})

t.test('reconciling makes replicas equal, whatever the others hold, also where there is none', async t => {
  for (let seed = 1; seed <= 10; seed++) {
    const { servers } = await written(seed, 500_000)
    const { random } = servers.world
    // Each of them alone, under versions the others do not see.
    for (const number of [1, 2]) {
      await servers.fence(number, number * 10)
      await servers.grant(number, { v: number * 10, peers: [] })
      for (let turn = 0; turn < 4; turn++) {
        const data = random.bytes(random.below(70_000) + 1)
        await servers.finish(servers.write(number, number * 10, random.below(CHUNK_BYTES - 70_000), data))
      }
      await servers.finish(servers.commit(number, number * 10, { kind: 'resize', lengthBytes: random.below(CHUNK_BYTES) }))
    }
    await servers.drop(3, 1)
    const [mine, other] = await Promise.all([servers.fence(1, 30), servers.fence(2, 30)])
    t.not(mine.tableChecksum, other.tableChecksum, 'they do differ')
    t.same(await servers.reconcile(1, { v: 30, peers: all }), { failed: [] })
    const expected = await servers.finish(servers.read(1, { v: 30 }))
    for (const number of [2, 3]) t.ok((await servers.finish(servers.read(number, { v: 30 }))).equals(expected), `server ${number}`)
    await servers.grant(1, { v: 30, peers: all })
    t.match(await servers.finish(servers.write(1, 30, 5, Buffer.from('together again'))), { outcome: 'done' })
    t.equal((await servers.finish(servers.read(3, { v: 30, offsetBytes: 5, lengthBytes: 8 }))).toString(), 'together')
  }
})

t.test('replicas that are cut stay cut, whatever is repeated, and after a power cut', async t => {
  const { servers, data } = await written(1)
  const append = (v: number): Promise<CommitOutcome> =>
    servers.finish(servers.commit(1, v, { kind: 'append' }, { data: Buffer.from('left behind'), commit: 99 }))
  await append(1)
  await Promise.all(all.map(number => servers.fence(number, 2)))
  t.same(await servers.reconcile(1, { v: 2, peers: all, cutBytes: 100_000 }), { failed: [] })
  for (const number of all) {
    t.ok((await servers.finish(servers.read(number, { v: 2 }))).equals(data.subarray(0, 100_000)), `server ${number}`)
  }
  await servers.finish(Promise.all(all.map(async number => {
    const { host, disk } = servers.kill(number)
    disk.powerCut()
    await servers.launch(host, disk)
  })))
  await servers.until(() => servers.master.reported.size === 3, 'registered again')
  const digests = await Promise.all(all.map(number => servers.fence(number, 3)))
  t.strictSame(digests.map(({ lengthBytes }) => lengthBytes), [100_000, 100_000, 100_000])
  await servers.grant(1, { v: 3, peers: all })
  t.match(await append(3), { outcome: 'done', offsetBytes: 100_000 }, 'it is made again')
})

t.test('a replica that is shorter is not made longer by a cut, and a later fence wins', async t => {
  const { servers, data } = await written(1)
  await Promise.all(all.map(number => servers.fence(number, 2)))
  t.same(await servers.reconcile(1, { v: 2, peers: all, cutBytes: 400_000 }), { failed: [] })
  t.equal((await servers.finish(servers.read(1, { v: 2 }))).length, data.length)
  await servers.fence(1, 3)
  await t.rejects(servers.reconcile(1, { v: 2, peers: all, cutBytes: 1 }), { code: 'stale-replica' })
  t.equal((await servers.finish(servers.read(1, { v: 3 }))).length, data.length)
})

t.test('what reconciling undid is done again when it is repeated', async t => {
  const { servers, data } = await written(1)
  const append = (v: number): Promise<CommitOutcome> =>
    servers.finish(servers.commit(2, v, { kind: 'append' }, { data: Buffer.from('repeated'), commit: 99 }))
  await servers.fence(2, 20)
  await servers.grant(2, { v: 20, peers: [] })
  await append(20)
  // The others never heard of it, and theirs is the version that goes on.
  await Promise.all(all.map(number => servers.fence(number, 30)))
  await servers.reconcile(1, { v: 30, peers: all })
  t.equal((await servers.finish(servers.read(2, { v: 30 }))).length, data.length)
  await Promise.all(all.map(number => servers.fence(number, 40)))
  await servers.grant(2, { v: 40, peers: all })
  t.match(await append(40), { outcome: 'done', offsetBytes: data.length })
  for (const number of all) {
    t.equal((await servers.finish(servers.read(number, { v: 40, offsetBytes: data.length }))).toString(), 'repeated')
  }
})

t.test('whose bytes were replaced does not claim to know what was done before', async t => {
  const { servers } = await written(1)
  await servers.fence(2, 10)
  t.equal((await servers.fence(2, 11)).rememberedSince, version(1))
  await servers.fence(1, 10)
  await servers.copy(3, { v: 10, from: 1 })
  t.equal((await servers.fence(3, 12)).rememberedSince, version(12), 'by a copy')
  await servers.grant(2, { v: 11, peers: [] })
  await servers.finish(servers.write(2, 11, 0, Buffer.from('x')))
  await Promise.all(all.map(number => servers.fence(number, 20)))
  await servers.reconcile(1, { v: 20, peers: all })
  const after = await Promise.all(all.map(number => servers.fence(number, 30)))
  t.strictSame(after.map(({ rememberedSince }) => rememberedSince), [1, 30, 12].map(version), 'by reconciling')
})

t.test('half a reconciliation leaves no replica that counts', async t => {
  const { servers, data } = await written(1, 2_500_000)
  await servers.drop(3, 1)
  await servers.fence(1, 2)
  const target = servers.member(3).shown.server
  // The servers part as soon as something of the replica is on the disk.
  servers.world.clock.after(0, function look() {
    if ((servers.onDisk(3)?.length ?? 0) > 0) servers.world.network.cut('host1', 'host3')
    else servers.world.clock.after(0.05, look)
  })
  t.same(await servers.reconcile(1, { v: 2, peers: [3] }), { failed: [target] })
  const half = servers.onDisk(3)?.length ?? 0
  t.ok(half > 0 && servers.master.reported.get(target)?.get(chunk)?.version !== 2, 'it was reported as nothing current')
  await t.rejects(servers.fence(3, 3), { code: 'no-such-replica' })
  t.equal(servers.onDisk(3), undefined)
  servers.world.network.heal()
  // Who was silent just now is not asked again at once.
  await servers.pass(5_000)
  await servers.fence(1, 4)
  await t.rejects(servers.fence(3, 4), { code: 'no-such-replica' })
  t.same(await servers.reconcile(1, { v: 4, peers: [3] }), { failed: [] })
  t.ok((await servers.finish(servers.read(3, { v: 4 }))).equals(data))
})

t.test('reconciling names the peers it could not reach', async t => {
  const { servers } = await written(1)
  await Promise.all([1, 2].map(number => servers.fence(number, 2)))
  const peers = servers.shown([2, 3])
  servers.kill(3)
  t.same(await servers.reconcile(1, { v: 2, peers: [2, 3] }), { failed: [peers[1]?.server] })
})

t.test('a copy has the same bytes, is durable, and takes the place of an older replica', async t => {
  for (const leftover of [false, true]) {
    const { servers } = await written(1)
    if (!leftover) await servers.drop(3, 1)
    await Promise.all([1, 2].map(number => servers.fence(number, 2)))
    await servers.grant(1, { v: 2, peers: [1, 2] })
    await servers.finish(servers.commit(1, 2, { kind: 'resize', lengthBytes: CHUNK_BYTES - 1 }))
    await servers.finish(servers.write(1, 2, 299_000, servers.world.random.bytes(5_000)))
    await servers.revoke(1, 2)
    t.same(await servers.copy(3, { v: 2, from: 2 }), { lengthBytes: CHUNK_BYTES - 1 })
    const { host, disk } = servers.kill(3)
    disk.powerCut()
    await servers.launch(host, disk)
    const expected = await servers.finish(servers.read(1, { v: 2 }))
    t.ok((await servers.finish(servers.read(3, { v: 2 }))).equals(expected))
    const report = await servers.finish(servers.ask(3, chunkserverApi.methods.inspect, { chunk, verify: true }))
    t.same(report, { chunk, version: version(2), lengthBytes: CHUNK_BYTES - 1, state: 'good' })
  }
})

t.test('a copy keeps to its rate', async t => {
  const { servers } = await written(1)
  await servers.drop(3, 1)
  const { lengthBytes } = await servers.finish(servers.ask(1, chunkserverApi.methods.inspect, { chunk, verify: false }))
  const startedMs = servers.world.clock.nowMs()
  await servers.copy(3, { v: 1, from: 1 })
  const unlimitedMs = servers.world.clock.nowMs() - startedMs
  await servers.drop(3, 1)
  await servers.copy(3, { v: 1, from: 1, rateBytes: Math.round(lengthBytes / 5) })
  const pacedMs = servers.world.clock.nowMs() - startedMs - unlimitedMs
  t.ok(unlimitedMs < 1_000 && pacedMs > 4_900 && pacedMs < 6_000, `${String(unlimitedMs)} ms, ${String(pacedMs)} ms`)
})

t.test('a copy whose source is missing, older or newer changes nothing', async t => {
  const { servers, data } = await written(1)
  await servers.drop(2, 1)
  await t.rejects(servers.copy(3, { v: 1, from: 2 }), { code: 'no-such-replica' })
  await t.rejects(servers.copy(3, { v: 2, from: 1 }), { code: 'stale-replica' })
  await servers.fence(1, 3)
  await t.rejects(servers.copy(3, { v: 2, from: 1 }), { code: 'stale-replica' })
  t.ok((await servers.finish(servers.read(3))).equals(data))
})

t.test('a revoked lease takes nothing more', async t => {
  const { servers } = await written(1)
  await servers.revoke(1, 1)
  await t.rejects(servers.finish(servers.write(1, 1, 0, Buffer.from('x'))), { code: 'lease-lost' })
})

t.test('a drop removes a replica up to the version given, and the master hears of it', async t => {
  const { servers } = await written(1)
  const reported = (): boolean => servers.master.reported.get(servers.member(2).shown.server)?.has(chunk) ?? false
  await servers.until(reported, 'the new replica is reported')
  await servers.fence(2, 4)
  await servers.drop(2, 3)
  await servers.finish(servers.read(2))
  await servers.drop(2, 4)
  await t.rejects(servers.finish(servers.read(2)), { code: 'no-such-replica' })
  t.equal(servers.onDisk(2), undefined)
  await servers.until(() => !reported(), 'the removal is reported')
})

t.test('a drop ends the lease of a chunk that has no replica yet: one that is no more takes nothing', async t => {
  const servers = await Servers.start(1)
  await servers.grant(1, { v: 2, peers: all, create: true })
  await servers.drop(1, 1)
  await servers.finish(servers.write(1, 2, 0, Buffer.from('an older one was meant')))
  const others = await Servers.start(2)
  await others.grant(1, { v: 2, peers: all, create: true })
  await others.drop(1, 2)
  await t.rejects(others.finish(others.write(1, 2, 0, Buffer.from('x'))), { code: 'lease-lost' })
  t.equal(others.onDisk(1), undefined)
})

t.test('rot is found by whoever reads, and reported', async t => {
  const { servers } = await written(1)
  t.ok(servers.member(2).disk.flipBit(namesOf(chunk).file, 8 * (dataStart(origin) + 1_000) + 3))
  await t.rejects(servers.finish(servers.read(2)), { code: 'corrupt' })
  const reported = servers.master.reported.get(servers.member(2).shown.server)
  await servers.until(() => reported?.get(chunk)?.state === 'corrupt', 'the rot is reported')
  const report = await servers.finish(servers.ask(2, chunkserverApi.methods.inspect, { chunk, verify: true }))
  t.equal(report.state, 'corrupt')
})

t.test('who dropped a replica does not answer a repeated commit from memory, and makes it anew', async t => {
  const servers = await Servers.start(1)
  await servers.grant(1, { v: 1, peers: all, create: true })
  const commit = servers.id()
  const data = Buffer.from('acknowledged')
  await servers.finish(servers.write(1, 1, 0, data, commit))
  await Promise.all(all.map(number => servers.drop(number, 1)))
  await servers.grant(2, { v: 2, peers: [2, 3], create: true })
  t.match(await servers.finish(servers.write(2, 2, 0, data, commit)), { outcome: 'done' })
  for (const number of [2, 3]) t.ok((await servers.finish(servers.read(number, { v: 2 }))).equals(data))
})
