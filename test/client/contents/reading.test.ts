import t from 'tap'
import type { ChunkIndex } from '../../../src/protocol/identifiers.ts'
import { silentLog } from '../../../src/seams/log.ts'
import { ToyCluster, readOf } from './toy-cluster.ts'

const MiB = 1024 * 1024

async function written(
  lengthBytes: number, options: Parameters<typeof ToyCluster.start>[0] = {},
): Promise<{ cluster: ToyCluster, data: Buffer }> {
  const cluster = await ToyCluster.start(options)
  const data = cluster.world.random.bytes(Math.min(lengthBytes, MiB))
  const all = Buffer.concat(Array.from({ length: Math.ceil(lengthBytes / data.length) }, () => data)).subarray(0, lengthBytes)
  const contents = cluster.open()
  await cluster.finish(contents.write(0, all))
  await cluster.finish(contents.close())
  return { cluster, data: all }
}

const readsOf = (cluster: ToyCluster): number => cluster.servers.reduce((sum, { reads }) => sum + reads, 0)

t.test('a corrupt replica is skipped and reported', async t => {
  const { cluster, data } = await written(100_000)
  const [first] = cluster.servers
  if (first !== undefined) first.corrupt = true
  t.same(await cluster.finish(readOf(cluster.open(), 0, 100_000)), data)
  t.equal(first?.reads, 1, 'the first was asked')
  t.same(cluster.reports, [{ server: 1, problem: 'corrupt' }])
})

t.test('a slow replica costs a fifth of a second, not its own time', async t => {
  const { cluster, data } = await written(100_000)
  const [first] = cluster.servers
  if (first !== undefined) first.delayMs = 4_000
  const startedMs = cluster.world.clock.nowMs()
  t.same(await cluster.finish(readOf(cluster.open(), 0, 100_000)), data)
  t.ok(first?.reads === 1 && cluster.world.clock.nowMs() - startedMs < 300)
})

t.test('a silent server is reported and asked last from then on', async t => {
  const { cluster, data } = await written(100_000)
  cluster.world.network.kill('host1')
  const contents = cluster.open()
  t.same(await cluster.finish(readOf(contents, 50_000, 100)), data.subarray(50_000, 50_100))
  t.same(cluster.reports, [{ server: 1, problem: 'unreachable' }])
  const before = cluster.servers[1]?.reads ?? 0
  await cluster.finish(readOf(contents, 90_000, 100))
  t.ok((cluster.servers[1]?.reads ?? 0) > before)
  t.equal(cluster.reports.length, 1)
})

t.test('when no replica has the chunk, the master is asked again until one does', async t => {
  const { cluster, data } = await written(1_000)
  for (const server of cluster.servers) server.refuse = 'stale-replica'
  const reading = readOf(cluster.open(), 0, 1_000)
  await cluster.pass(500)
  for (const server of cluster.servers) server.refuse = undefined
  t.same(await cluster.finish(reading), data)
})

t.test('a chunk of which no server has a replica is a hole as long as the master has heard of none', async t => {
  const { cluster } = await written(1_000)
  cluster.unproven = true
  for (const server of cluster.servers) server.refuse = 'no-such-replica'
  cluster.path.locations.forgetFile(cluster.attributes().inode)
  t.same(await cluster.finish(readOf(cluster.open(), 0, 1_000)), Buffer.alloc(1_000))
})

t.test('a chunk that has moved since it was made is no hole, though no server has it that had it then', async t => {
  const { cluster, data } = await written(1_000)
  const { inode } = cluster.attributes()
  const [now] = await cluster.finish(cluster.locate(inode, 0 as ChunkIndex, 1))
  const [first] = cluster.servers
  if (now === undefined || first === undefined) throw new Error('there is a chunk, and servers')
  first.refuse = 'no-such-replica'
  cluster.path.locations.learn(inode, { ...now, replicas: [first.shown], unproven: true })
  t.same(await cluster.finish(readOf(cluster.open(), 0, 1_000)), data)
})

t.test('what was a hole to the master is read as soon as it is written under a lease from before', async t => {
  const { cluster } = await written(1_000)
  const contents = cluster.open()
  const { inode } = cluster.attributes()
  const first = 0 as ChunkIndex
  const chunk = cluster.chunks.get(first)
  if (chunk === undefined) throw new Error('there is a chunk')
  cluster.chunks.delete(first)
  cluster.path.locations.forget(inode, first)
  t.same(await cluster.finish(readOf(contents, 0, 1_000)), Buffer.alloc(1_000))
  cluster.chunks.set(first, chunk)
  const data = Buffer.alloc(1_000, 'x')
  await cluster.finish(contents.write(0, data))
  await cluster.finish(contents.flush())
  t.equal(cluster.leases.length, 1, 'the lease is the one that it had')
  t.same(await cluster.finish(readOf(contents, 0, 1_000)), data)
})

t.test('a sequential reader is read ahead of, further and further', async t => {
  const { cluster, data } = await written(32 * MiB, { chunkSizeBytes: 64 * MiB })
  const contents = cluster.open()
  await cluster.finish(readOf(contents, 0, 128 * 1024))
  await cluster.pass(100)
  t.equal(readsOf(cluster), 1, 'the rest of the first piece, and nothing behind it yet')
  for (let at = 128 * 1024; at < 2 * MiB; at += 128 * 1024) await cluster.finish(readOf(contents, at, 128 * 1024))
  await cluster.pass(100)
  t.ok(readsOf(cluster) >= 8 && readsOf(cluster) <= 11, `${readsOf(cluster)} pieces for 2 MiB`)
  const got: Uint8Array[] = []
  for (let at = 2 * MiB; at < 32 * MiB; at += 512 * 1024) got.push(await cluster.finish(readOf(contents, at, 512 * 1024)))
  t.ok(Buffer.concat(got).equals(data.subarray(2 * MiB)))
  t.equal(readsOf(cluster), 32, 'each piece was fetched once')
})

t.test('a random reader fetches what it asks for and no more', async t => {
  const { cluster, data } = await written(32 * MiB, { chunkSizeBytes: 64 * MiB })
  const contents = cluster.open()
  for (const at of [20, 3, 29, 11, 17, 6, 24]) {
    const got = await cluster.finish(readOf(contents, at * MiB + 100, 5_000))
    t.ok(got.equals(data.subarray(at * MiB + 100, at * MiB + 5_100)))
  }
  await cluster.pass(100)
  t.equal(readsOf(cluster), 7)
})

t.test('a whole piece is handed out as it came, without a copy', async t => {
  const { cluster } = await written(4 * MiB, { chunkSizeBytes: 64 * MiB })
  const { parts } = await cluster.finish(cluster.open().lend(0, MiB))
  t.equal(parts.length, 1)
  t.equal(parts[0]?.length, MiB)
})

t.test('holes and the ends of short chunks read as zeros', async t => {
  const cluster = await ToyCluster.start({ chunkSizeBytes: 64 * 1024 })
  const contents = cluster.open()
  await cluster.finish(contents.write(0, Buffer.alloc(10, 1)))
  await cluster.finish(contents.write(200_000, Buffer.alloc(10, 2)))
  await cluster.finish(contents.close())
  t.notOk(cluster.chunks.has(1 as ChunkIndex), 'the second chunk is a hole')
  const again = cluster.open()
  const got = await cluster.finish(readOf(again, 0, 300_000))
  t.ok(got.equals(Buffer.concat([Buffer.alloc(10, 1), Buffer.alloc(199_990), Buffer.alloc(10, 2)])))
  t.equal(await cluster.finish(again.nextHole(0)), 64 * 1024)
  t.equal(await cluster.finish(again.nextData(64 * 1024)), 3 * 64 * 1024)
  await t.rejects(cluster.finish(again.nextData(200_010)), { code: 'no-data-there' })
})

t.test('what another client closed is read after the next open', async t => {
  const { cluster } = await written(100_000)
  const reader = cluster.open()
  await cluster.finish(readOf(reader, 0, 100_000))
  const writer = cluster.open()
  await cluster.finish(writer.truncate(0, async () => cluster.setSize(0)))
  await cluster.finish(writer.write(0, Buffer.alloc(5_000, 9)))
  await cluster.finish(writer.close())
  reader.refresh(cluster.attributes())
  t.same(await cluster.finish(readOf(reader, 0, 100_000)), Buffer.alloc(5_000, 9))
})

t.test('who reads what others have just waited for in vain is told at once, and later waits again', async t => {
  const lines: unknown[] = []
  const log = { ...silentLog, error: (facts: object, sentence: string) => { lines.push({ ...facts, sentence }) } }
  const { cluster } = await written(100_000, { options: { patienceMs: 20_000 }, log })
  const { clock } = cluster.world
  const timed = async (): Promise<number> => {
    const startedMs = clock.nowMs()
    await t.rejects(cluster.finish(readOf(cluster.open(), 0, 4_096)), { code: 'no-such-replica' })
    return clock.nowMs() - startedMs
  }
  for (const server of cluster.servers) server.refuse = 'no-such-replica'
  t.ok(await timed() >= 20_000)
  t.ok(await timed() < 100, 'as a kernel does after readahead that failed')
  t.match(lines, [{ inode: 7, index: 0, chunk: Number, servers: ['1 at host1:1', '2 at host2:1', '3 at host3:1'] }], 'said once')
  await cluster.pass(3_000)
  t.ok(await timed() >= 20_000)
  for (const server of cluster.servers) server.refuse = undefined
  await cluster.pass(3_000)
  t.equal((await cluster.finish(readOf(cluster.open(), 0, 4_096))).length, 4_096)
})
