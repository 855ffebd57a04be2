import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import t from 'tap'
import { ChunkServer } from '../../src/chunkserver/server.ts'
import { checksumOf } from '../../src/protocol/checksum.ts'
import { chunkControlApi, chunkserverApi, chunkserverRegistryApi } from '../../src/protocol/chunkserver-api.ts'
import { acceptLink } from '../../src/protocol/handshake.ts'
import type { ClusterId, CommitId, PushId, ServerId } from '../../src/protocol/identifiers.ts'
import { limits } from '../../src/protocol/limits.ts'
import { LinkPool } from '../../src/protocol/link-pool.ts'
import type { Link } from '../../src/protocol/link.ts'
import { systemClock } from '../../src/seams/clock.ts'
import { folder } from '../../src/seams/folder.ts'
import { silentLog } from '../../src/seams/log.ts'
import { systemRandom } from '../../src/seams/random.ts'
import { webSockets } from '../../src/seams/websockets.ts'
import { SimulatedDisk } from '../simulation/disk.ts'
import { CLUSTER, chunk, origin, Servers, version } from './servers.ts'

const all = [1, 2, 3]

t.test('a server that restarts is found where it was, and reports what it has', async t => {
  const servers = await Servers.start(1)
  await servers.grant(1, { v: 1, peers: all, create: true })
  await servers.finish(servers.write(1, 1, 0, Buffer.from('kept')))
  const { host, disk, shown } = servers.kill(2)
  const again = await servers.launch(host, disk)
  t.same(again.shown, shown)
  await servers.until(() => servers.master.reported.has(shown.server), 'reported again')
  t.match(servers.master.reported.get(shown.server)?.get(chunk), { chunk, version: 1, lengthBytes: 4, state: 'good' })
})

t.test('a clean stop leaves nothing to doubt after a power cut', async t => {
  const servers = await Servers.start(1)
  await servers.grant(1, { v: 1, peers: all, create: true })
  const data = servers.world.random.bytes(100_000)
  await servers.finish(servers.write(1, 1, 0, data))
  const { host, disk, server } = servers.member(2)
  await servers.finish(server.stop())
  disk.powerCut()
  await servers.launch(host, disk)
  t.ok((await servers.finish(servers.read(2))).equals(data))
  const report = await servers.finish(servers.ask(2, chunkserverApi.methods.inspect, { chunk, verify: true }))
  t.equal(report.state, 'good')
})

t.test('a replica is made clean some time after its last write, so that a power cut leaves no doubt', async t => {
  const servers = await Servers.start(1)
  await servers.grant(1, { v: 1, peers: all, create: true })
  const data = servers.world.random.bytes(100_000)
  await servers.finish(servers.write(1, 1, 0, data))
  await servers.pass(30_000)
  const { host, disk } = servers.kill(2)
  disk.powerCut()
  await servers.launch(host, disk)
  t.ok((await servers.finish(servers.read(2))).equals(data))
})

t.test('a server comes back to a master that was away, with what happened meanwhile', async t => {
  const servers = await Servers.start(1)
  await servers.grant(1, { v: 1, peers: all, create: true })
  for (const { host } of servers.members) servers.world.network.cut('master', host)
  await servers.finish(servers.write(1, 1, 0, Buffer.from('without a master')))
  await servers.pass(20_000)
  servers.master.reported.clear()
  servers.world.network.heal()
  await servers.until(() => servers.master.reported.size === 3, 'all are back')
  for (const replicas of servers.master.reported.values()) t.ok(replicas.has(chunk))
})

t.test('the first start waits for a master, and the folder then belongs to its cluster', async t => {
  const servers = await Servers.start(1, { count: 0 })
  const disk = new SimulatedDisk({ random: servers.world.random.fork() })
  servers.world.network.cut('master', 'host1')
  servers.world.clock.after(60_000, () => { servers.world.network.heal() })
  await servers.launch('host1', disk)
  t.ok(servers.world.clock.nowMs() >= 60_000)
  await servers.until(() => servers.master.reported.size === 1, 'registered')
  servers.kill(1)
  servers.master.cluster = '00000000-0000-4000-8000-000000000000' as ClusterId
  await t.rejects(servers.launch('host1', disk), { code: 'wrong-cluster' })
})

t.test('an address that is taken fails the start', async t => {
  const servers = await Servers.start(1, { count: 1 })
  await servers.world.network.forHost('host2').listen('host2:77', () => {})
  const taken = ChunkServer.start({
    seams: {
      clock: servers.world.clock, network: servers.world.network.forHost('host2'), log: silentLog,
      random: servers.world.random.fork(), disk: new SimulatedDisk({ random: servers.world.random.fork() }),
    },
    config: { listen: 'host2:77', rack: 'r1', host: 'host2', masters: ['master:1'] },
  })
  await t.rejects(servers.finish(taken), { code: 'EADDRINUSE' })
})

t.test('three servers on real disks and sockets keep the same bytes', async t => {
  const root = await mkdtemp(path.join(os.tmpdir(), 'dfs-chunkservers-'))
  const network = webSockets({ messageBytesMax: limits.messageBytesMax })
  const outside = { clock: systemClock, log: silentLog, network, random: systemRandom }
  const masters = new Map<ServerId, Link>()
  const registered = Promise.withResolvers<undefined>()
  const listener = await network.listen('127.0.0.1:0', connection => {
    void acceptLink(connection, { role: 'master', cluster: CLUSTER }, outside).then(accepted => {
      accepted?.link.serve(chunkserverRegistryApi, {
        register: ({ server }) => {
          masters.set(server, accepted.link)
          return { reply: { heartbeatMs: 100 } }
        },
        report: ({ last }) => {
          if (last && masters.size === 3) registered.resolve(undefined)
          return { reply: {} }
        },
        heartbeat: () => ({ reply: { renewed: [] } }),
      }, undefined)
    })
  })
  const servers = await Promise.all(all.map(number => ChunkServer.start({
    seams: { ...outside, disk: folder(path.join(root, String(number))) },
    config: { listen: '127.0.0.1:0', rack: 'r1', host: 'here', masters: [listener.address] },
  })))
  const clients = new LinkPool(outside, { role: 'client', cluster: CLUSTER })
  t.teardown(async () => {
    clients.close()
    await Promise.all(servers.map(server => server.stop()))
    await listener.close()
    await rm(root, { recursive: true })
  })
  await registered.promise

  const peers = servers.map(({ id, address }) => ({ server: id, address, rack: 'r1', host: 'here' }))
  const [first] = peers
  if (first === undefined) return t.fail('no servers')
  await masters.get(first.server)?.call(chunkControlApi.methods.grant,
    { chunk, version: version(1), origin, peers, leaseMs: 60_000, create: true }, { deadlineMs: 5_000 })
  const data = systemRandom.bytes(4 * 1024 * 1024)
  const bulk = await clients.link(first.address, 'bulk')
  const control = await clients.link(first.address, 'control')
  await Promise.all([0, 1, 2, 3].map(async part => {
    const piece = data.subarray(part * 1024 * 1024, (part + 1) * 1024 * 1024)
    const push = (part + 1) as PushId
    const { reply } = await bulk.call(chunkserverApi.methods.push, { push, checksum: checksumOf(piece), chain: peers },
      { payload: [piece], deadlineMs: 10_000 })
    t.same(reply.failed, [])
    const extents = [{ offsetBytes: part * 1024 * 1024, lengthBytes: piece.length }]
    const committed = await control.call(chunkserverApi.methods.commit, {
      chunk, version: version(1), commit: (part + 1) as CommitId, mutation: { kind: 'write', extents },
      source: { from: 'push', push }, sync: false,
    }, { deadlineMs: 10_000 })
    t.equal(committed.reply.outcome, 'done')
  }))
  const synced = await control.call(chunkserverApi.methods.sync, { chunk, version: version(1) }, { deadlineMs: 20_000 })
  t.equal(synced.reply.outcome, 'done')
  for (const { address } of peers) {
    const link = await clients.link(address, 'bulk')
    const { reply, payload } = await link.call(chunkserverApi.methods.read,
      { chunk, version: version(1), offsetBytes: 0, lengthBytes: data.length }, { deadlineMs: 10_000 })
    t.ok(payload.equals(data))
    t.equal(reply.checksum, checksumOf(data))
  }
})
