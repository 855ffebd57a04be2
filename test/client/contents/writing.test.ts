import t from 'tap'
import type { ServerId } from '../../../src/protocol/identifiers.ts'
import { ToyCluster, readOf, type CommitFault } from './toy-cluster.ts'

const KiB = 1024
const MiB = 1024 * KiB
const CHUNK_BYTES = 64 * MiB

const filled = (lengthBytes: number, value: number): Buffer => Buffer.alloc(lengthBytes, value)

t.test('small neighbouring writes leave as one commit', async t => {
  const cluster = await ToyCluster.start()
  const contents = cluster.open()
  for (let at = 0; at < 10; at++) await cluster.finish(contents.write(at * 1000, filled(1000, at + 1)))
  t.equal(cluster.commits.length, 0, 'nothing leaves before somebody asks')
  await cluster.finish(contents.flush())
  t.match(cluster.commits, [{ extents: 1, lengthBytes: 10_000 }])
  t.same(cluster.settled.map(({ endBytes }) => endBytes), [10_000])
})

t.test('a sequential writer sends whole megabytes while it writes, pushed and not inline', async t => {
  const cluster = await ToyCluster.start({ chunkSizeBytes: CHUNK_BYTES })
  const contents = cluster.open()
  for (let at = 0; at < 4 * MiB; at += 100_000) await cluster.finish(contents.write(at, filled(100_000, 1 + at % 251)))
  await cluster.pass(50)
  t.ok(cluster.commits.length >= 3, 'commits were made without a flush')
  t.ok(cluster.commits.every(({ lengthBytes }) => lengthBytes % (64 * KiB) === 0), 'cut where checksum blocks end')
  t.ok([...cluster.servers[0]?.pushes.values() ?? []].length >= 3)
  await cluster.finish(contents.close())
  t.equal(cluster.stored().length, 4_200_000)
})

t.test('scattered writes leave in one commit of many ranges', async t => {
  const cluster = await ToyCluster.start()
  const contents = cluster.open()
  for (let at = 0; at < 100; at++) await cluster.finish(contents.write(at * 8192, filled(100, 7)))
  await cluster.finish(contents.flush())
  t.match(cluster.commits, [{ extents: 100, lengthBytes: 10_000 }])
})

t.test('what nobody asked for leaves within about a second, and the master hears of it', async t => {
  const cluster = await ToyCluster.start()
  const contents = cluster.open()
  const writtenNs = cluster.world.clock.wallNs()
  await cluster.finish(contents.write(0, filled(10, 1)))
  await cluster.pass(900)
  t.equal(cluster.commits.length, 0)
  t.same(contents.unsent, { sizeBytes: 10, modifiedNs: writtenNs })
  await cluster.pass(200)
  t.equal(cluster.commits.length, 1)
  t.same(cluster.settled, [{ endBytes: 10, modifiedNs: writtenNs }], 'with the time of the write, not of the sending')
  t.equal(contents.unsent, undefined)
})

t.test('a later write never overtakes an earlier one to the same place', async t => {
  const cluster = await ToyCluster.start()
  const contents = cluster.open()
  let release = (): void => {}
  cluster.hold = new Promise(resolve => { release = resolve })
  await cluster.finish(contents.write(0, filled(1000, 1)))
  const first = contents.flush()
  await cluster.pass(10)
  await cluster.finish(contents.write(500, filled(1000, 2)))
  const second = contents.flush()
  await cluster.pass(10)
  t.equal(cluster.path.streams.free, 9, 'the second waits for the first')
  t.same(await cluster.finish(readOf(contents, 0, 2000)),
    Buffer.concat([filled(500, 1), filled(1000, 2)]), 'and is read all the same')
  release()
  cluster.hold = undefined
  await cluster.finish(Promise.all([first, second]))
  t.same(cluster.commits.map(({ lengthBytes }) => lengthBytes), [1000, 1000])
  t.same(cluster.stored(), Buffer.concat([filled(500, 1), filled(1000, 2)]))
})

t.test('writers wait while memory for unsent bytes is used up, and go on when some is free', async t => {
  const cluster = await ToyCluster.start({ chunkSizeBytes: CHUNK_BYTES, options: { writeBehindBytes: 4 * MiB } })
  const contents = cluster.open()
  let release = (): void => {}
  cluster.hold = new Promise(resolve => { release = resolve })
  let accepted = 0
  const writing = (async () => {
    for (let at = 0; at < 8; at++) {
      await contents.write(at * MiB, filled(MiB, at + 1))
      accepted++
    }
  })()
  await cluster.pass(100)
  t.equal(accepted, 4, 'as much as fits, and no more')
  release()
  cluster.hold = undefined
  await cluster.finish(writing)
  await cluster.finish(contents.close())
  t.equal(cluster.stored().at(-1), 8)
})

t.test('a commit that failed is repeated under the same id with a new lease that avoids the suspects', async t => {
  const cluster = await ToyCluster.start()
  const contents = cluster.open()
  cluster.commitFaults.push({ made: false, answer: 'replicas-failed' }, { made: true, answer: 'outcome-unknown' })
  await cluster.finish(contents.write(0, filled(200_000, 5)))
  await cluster.finish(contents.flush())
  t.equal(new Set(cluster.commits.map(({ commit }) => commit)).size, 1)
  t.equal(new Set(cluster.commits.map(({ version }) => version)).size, cluster.commits.length, 'each under its own version')
  t.same(cluster.leases.map(({ suspects }) => suspects), [[], [3], [1]])
  t.same(cluster.stored(), filled(200_000, 5))
})

t.test('an append whose answer was lost is there once', async t => {
  const cluster = await ToyCluster.start()
  const contents = cluster.open()
  cluster.commitFaults.push({ made: true, answer: 'outcome-unknown' }, { made: true, answer: 'replicas-failed' })
  await cluster.finish(contents.append(Buffer.from('one ')))
  await cluster.finish(contents.flush())
  await cluster.finish(contents.append(Buffer.from('two')))
  await cluster.finish(contents.flush())
  t.equal(cluster.stored().toString(), 'one two')
})

t.test('appends of two clients do not overwrite one another, and go on in the next chunk', async t => {
  const cluster = await ToyCluster.start({ chunkSizeBytes: 64 * KiB })
  const [one, other] = [cluster.open(), cluster.open()]
  for (let round = 0; round < 20; round++) {
    await cluster.finish(Promise.all([one.append(filled(5_000, 1)), other.append(filled(5_000, 2))]))
    await cluster.finish(Promise.all([one.flush(), other.flush()]))
  }
  const all = cluster.stored()
  t.equal(all.length, 200_000)
  t.equal(all.filter(byte => byte === 1).length, 100_000)
  t.equal(all.filter(byte => byte === 2).length, 100_000)
})

t.test('an append goes behind the zeros of a file that was made longer', async t => {
  const cluster = await ToyCluster.start()
  const contents = cluster.open()
  await cluster.finish(contents.write(0, filled(10, 1)))
  await cluster.finish(contents.truncate(1000, async () => cluster.setSize(1000)))
  await cluster.finish(contents.append(filled(10, 2)))
  await cluster.finish(contents.close())
  t.same(cluster.stored(), Buffer.concat([filled(10, 1), filled(990, 0), filled(10, 2)]))
})

t.test('sync puts every written chunk on stable storage, and tells the master once all have it', async t => {
  const cluster = await ToyCluster.start({ chunkSizeBytes: 64 * KiB })
  const contents = cluster.open()
  await cluster.finish(contents.write(60_000, filled(10_000, 1)))
  await cluster.finish(contents.sync())
  t.same(cluster.events, ['commit and sync', 'commit and sync', 'settle'])
  await cluster.finish(contents.sync())
  t.equal(cluster.events.length, 3, 'nothing new, nothing to do')
})

t.test('a sync goes with the last bytes of a chunk where these are one batch, and follows them where they are not', async t => {
  const cluster = await ToyCluster.start({ chunkSizeBytes: 4 * MiB })
  const contents = cluster.open()
  await cluster.finish(contents.write(0, filled(10, 1)))
  await cluster.finish(contents.flush())
  await cluster.finish(contents.append(filled(10, 2)))
  await cluster.finish(contents.sync())
  t.same(cluster.events, ['commit', 'settle', 'commit and sync', 'settle'], 'with what was sent before')
  cluster.events.length = 0
  await cluster.finish(contents.write(100, filled(MiB + 10, 3)))
  await cluster.finish(contents.sync())
  t.same(cluster.events.sort(), ['commit', 'commit', 'settle', 'sync'])
})

t.test('what could not be synced with its commit is synced later', async t => {
  const cluster = await ToyCluster.start()
  const contents = cluster.open()
  await cluster.finish(contents.write(0, filled(10, 1)))
  await cluster.finish(contents.flush())
  await cluster.finish(contents.write(10, filled(10, 1)))
  cluster.commitFaults.push({ answer: 'range', made: false })
  await t.rejects(cluster.finish(contents.sync()), { code: 'range' })
  await cluster.finish(contents.sync())
  t.equal(cluster.events.at(-1), 'sync', 'of what had been sent before')
})

t.test('sync through a new handle covers what an earlier one wrote', async t => {
  const cluster = await ToyCluster.start()
  const before = cluster.open()
  await cluster.finish(before.write(0, filled(10, 1)))
  await cluster.finish(before.close())
  t.notOk(cluster.events.includes('sync'), 'close does not sync')
  await cluster.finish(cluster.open().sync())
  t.equal(cluster.events.at(-1), 'sync')
})

t.test('sync fails, once, when servers have lost what was written before it', async t => {
  const cluster = await ToyCluster.start({ chunkSizeBytes: 64 * KiB })
  const contents = cluster.open()
  await cluster.finish(contents.write(60_000, filled(10_000, 1)))
  await cluster.finish(contents.flush())
  cluster.losePower(1)
  await cluster.finish(contents.write(70_000, filled(10, 2)))
  await t.rejects(cluster.finish(contents.sync()), { code: 'bytes-lost' }, 'a later write does not hide the earlier one')
  t.same(contents.faults.count, 1, 'which every handle can hear of')
  await cluster.finish(contents.sync())
  await cluster.finish(contents.write(70_000, filled(10, 3)))
  await cluster.finish(contents.sync())
  t.equal(cluster.events.filter(event => event.endsWith('sync')).length, 3, 'both chunks, and the later write')
})

t.test('sync through a new handle tells that what an earlier one wrote is lost', async t => {
  const cluster = await ToyCluster.start()
  const before = cluster.open()
  await cluster.finish(before.write(0, filled(10, 1)))
  await cluster.finish(before.close())
  cluster.losePower(0)
  cluster.losePower(0)
  const after = cluster.open()
  await t.rejects(cluster.finish(after.sync()), { code: 'bytes-lost' })
  await cluster.finish(after.close())
})

t.test('a loss is nothing to who had synced before, wrote later, or has cut off what he wrote', async t => {
  const cluster = await ToyCluster.start({ chunkSizeBytes: 64 * KiB })
  const contents = cluster.open()
  await cluster.finish(contents.write(0, filled(100_000, 1)))
  await cluster.finish(contents.sync())
  cluster.losePower(0)
  cluster.losePower(1)
  await cluster.finish(contents.write(0, filled(100_000, 2)))
  await cluster.finish(contents.sync())
  await cluster.finish(contents.write(70_000, filled(10, 3)))
  await cluster.finish(contents.flush())
  cluster.losePower(1)
  await cluster.finish(contents.truncate(64 * KiB, async () => cluster.setSize(64 * KiB)))
  await cluster.finish(contents.sync())
  t.pass('none of them failed')
})

t.test('sync of a chunk that somebody has cut off does not make a new one', async t => {
  const cluster = await ToyCluster.start()
  const contents = cluster.open()
  await cluster.finish(contents.write(0, filled(10, 1)))
  await cluster.finish(contents.flush())
  const other = cluster.open()
  await cluster.finish(other.truncate(0, async () => cluster.setSize(0)))
  contents.refresh(cluster.attributes())
  const asked = cluster.leases.length
  await cluster.finish(contents.sync())
  t.equal(cluster.leases.length, asked)
  t.equal(cluster.chunks.size, 0)
})

t.test('a write that could not be made is told once, and what was written later is not harmed', async t => {
  const cluster = await ToyCluster.start({ options: { patienceMs: 5_000 } })
  const contents = cluster.open()
  cluster.leaseFaults = ['no-space']
  await cluster.finish(contents.write(0, filled(10, 1)))
  await t.rejects(cluster.finish(contents.flush()), { code: 'no-space' })
  t.equal(contents.faults.count, 1)
  await cluster.finish(contents.write(0, filled(10, 2)))
  await cluster.finish(contents.flush())
  t.same(cluster.stored(), filled(10, 2))
})

t.test('a chunk whose servers are all full is waited for a while: it may be copied to others', async t => {
  const cluster = await ToyCluster.start()
  const contents = cluster.open()
  cluster.commitFaults.push(...Array<CommitFault>(3).fill({ made: false, answer: 'no-space' }))
  await cluster.finish(contents.write(0, filled(10, 1)))
  await cluster.finish(contents.flush())
  t.same(cluster.stored(), filled(10, 1))
  const startedMs = cluster.world.clock.nowMs()
  cluster.commitFaults.push(...Array<CommitFault>(100).fill({ made: false, answer: 'no-space' }))
  await cluster.finish(contents.write(0, filled(10, 2)))
  await t.rejects(cluster.finish(contents.flush()), { code: 'disk-full' })
  const tookMs = cluster.world.clock.nowMs() - startedMs
  t.ok(tookMs > 9_000 && tookMs < 15_000, `told after ${String(tookMs)} ms`)
})

t.test('patience outlasts a master without enough servers, and ends', async t => {
  const cluster = await ToyCluster.start({ options: { patienceMs: 20_000 } })
  const contents = cluster.open()
  cluster.leaseFaults = ['not-enough-servers', 'no-replica', 'busy']
  await cluster.finish(contents.write(0, filled(10, 1)))
  await cluster.finish(contents.flush())
  t.equal(cluster.stored().length, 10)
  cluster.leaseFaults = Array.from({ length: 1_000 }, () => 'no-replica' as const)
  cluster.path.forgetChunks(cluster.attributes().inode)
  await cluster.finish(contents.write(0, filled(10, 2)))
  await t.rejects(cluster.finish(contents.flush()), { code: 'no-replica' })
})

t.test('a server without room for pushed bytes is waited for, for as long as it says so, and not taken for one that failed', async t => {
  const cluster = await ToyCluster.start({ options: { patienceMs: 5_000 } })
  const primary = 2 as ServerId
  const contents = cluster.open()
  await cluster.finish(contents.write(0, filled(10, 1)))
  await cluster.finish(contents.flush())
  for (const chunk of cluster.chunks.values()) chunk.primary = primary
  cluster.path.forgetChunks(cluster.attributes().inode)
  const [leases, startedMs] = [cluster.leases.length, cluster.world.clock.nowMs()]
  cluster.pushAnswers.push(...Array.from({ length: 20 }, () => ({ failed: [primary, 3 as ServerId], busy: true as const })))
  await cluster.finish(contents.write(0, filled(MiB, 2)))
  await cluster.finish(contents.flush())
  t.equal(cluster.pushAnswers.length, 0)
  t.ok(cluster.world.clock.nowMs() - startedMs > 5_000, 'longer than patience lasts with who says nothing')
  t.same(cluster.leases.slice(leases), [{ suspects: [], known: undefined }], 'the master was never told of a suspect')
  t.notOk(cluster.path.servers.isAvoided(primary), 'readers go on asking it')
  t.same(cluster.stored(), filled(MiB, 2))
})
