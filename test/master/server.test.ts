import fs from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { checksumOf } from '../../src/protocol/checksum.ts'
import type { ChunkLease } from '../../src/protocol/chunks.ts'
import { chunkserverApi, chunkserverRegistryApi } from '../../src/protocol/chunkserver-api.ts'
import { dialLink } from '../../src/protocol/handshake.ts'
import { ROOT_INODE, type ChunkIndex, type CommitId, type InodeId, type ServerId } from '../../src/protocol/identifiers.ts'
import { limits } from '../../src/protocol/limits.ts'
import type { Name } from '../../src/protocol/names.ts'
import { systemClock } from '../../src/seams/clock.ts'
import { silentLog } from '../../src/seams/log.ts'
import { webSockets } from '../../src/seams/websockets.ts'
import { type Client, eventually, RunningMaster } from './running-master.ts'

const network = webSockets({ messageBytesMax: limits.messageBytesMax })
const outside = { clock: systemClock, log: silentLog }
const first = 0 as ChunkIndex
let nextCommit = 1

async function create(client: Client, name: string): Promise<InodeId> {
  const { inode } = await client.call('create', {
    ...client.mutating(), parent: ROOT_INODE, name: name as Name, mode: 0o644,
    exclusive: true, read: true, write: true, truncate: false,
  })
  return inode
}

function lease(client: Client, inode: InodeId, suspects: ServerId[] = [], known?: ChunkLease['version']): Promise<ChunkLease> {
  return client.call('lease', { stamp: client.mutating().stamp, inode, index: first, suspects, known })
}

async function write({ chunk, version, primary, replicas }: ChunkLease, text: string): Promise<string> {
  const address = replicas.find(({ server }) => server === primary)?.address ?? ''
  const { link } = await dialLink(network, address,
    { role: 'client', lane: 'bulk', expect: 'chunkserver', timeoutMs: 5_000 }, outside)
  const data = Buffer.from(text)
  const { reply } = await link.call(chunkserverApi.methods.commit, {
    chunk, version, commit: nextCommit++ as CommitId,
    mutation: { kind: 'write', extents: [{ offsetBytes: 0, lengthBytes: data.length }] },
    source: { from: 'payload', checksum: checksumOf(data) }, sync: false,
  }, { deadlineMs: 20_000, payload: [data] })
  link.close('done')
  return reply.outcome
}

async function started(t: Test, chunkservers = 3, config = {}): Promise<{ running: RunningMaster, client: Client }> {
  const running = await RunningMaster.start(config)
  t.teardown(() => running.stop())
  for (let count = 0; count < chunkservers; count++) await running.addChunkserver()
  const client = await running.client('chunkserver-2')
  // Until then the master waits with what depends on who has what.
  await eventually('all have reported', async () => (await client.call('chunkservers', {})).servers.every(({ empty }) => empty))
  return { running, client }
}

t.test('a file is made, written, found, and its replicas go with it', async t => {
  const { running, client } = await started(t)
  const inode = await create(client, 'file')
  const given = await lease(client, inode)
  t.equal(given.replicas.length, 3)
  t.equal(given.replicas[0]?.host, 'chunkserver-2', 'the nearest first')
  t.equal(await write(given, 'hello'), 'done')
  await client.call('settle', { ...client.mutating(), inode, endBytes: 5, modifiedNs: 'now', clearSetId: false })

  const { chunks } = await client.call('locate', { session: client.session, inode, first, count: 10 })
  t.match(chunks, [{ chunk: given.chunk, version: given.version, replicas: [{ host: 'chunkserver-2' }, {}, {}] }])
  await eventually('the replicas are reported', async () => {
    const info = await client.call('fileInfo', { inode, first, count: 10 })
    return info.sizeBytes === 5 && info.chunks[0]?.primary === given.primary
      && info.chunks[0].replicas.every(({ state, version }) => state === 'good' && version === given.version)
  })
  const status = await client.call('status', {})
  t.match(status, { chunks: 1, underReplicated: 0, missing: 0, replicas: 3, version: 'test', cluster: running.master.cluster })
  t.strictSame(status.servers.map(({ state }) => state), ['live', 'live', 'live'])
  const totals = await client.call('totals', {})
  const disk = fs.statfsSync(running.root)
  t.equal(totals.totalBytes, disk.blocks * disk.bsize, 'three disks, three replicas')

  await client.call('unlink', { ...client.mutating(), parent: ROOT_INODE, name: 'file' as Name })
  await client.call('close', { session: client.session, handles: [{ inode, count: 1 }] })
  await eventually('the replicas are gone',
    () => running.chunkservers.every(({ store }) => store.get(given.chunk) === undefined))
})

t.test('a file whose making was not heard of gets no lease of a chunk that goes since nobody has it open', async t => {
  const { client } = await started(t)
  const request = {
    ...client.mutating(), parent: ROOT_INODE, name: 'file' as Name, mode: 0o644, exclusive: true, read: true, write: true,
    truncate: false,
  }
  const { inode, lease: lost } = await client.call('create', request)
  t.ok(lost, 'it had one')
  // As over the next connection, after this answer was lost: what is open, and then the same request again.
  const resumed = client.call('startSession', { resume: client.session, open: [], host: 'client' })
  const again = await client.call('create', request)
  await resumed
  t.equal(again.inode, inode)
  t.equal(again.lease, undefined)
  // The same chunk, if it has not gone yet: then it does not go any more.
  const { chunk } = await lease(client, inode)
  await client.call('settle', { ...client.mutating(), inode, endBytes: 10, modifiedNs: 'now', clearSetId: false })
  const { chunks } = await client.call('fileInfo', { inode, first, count: 1 })
  t.strictSame(chunks.map(each => each.chunk), [chunk], 'what is written there stays')
})

t.test('a dead primary is replaced without an error, and its replica is made anew', async t => {
  const { running, client } = await started(t, 4, { staleMs: 300, deadMs: 900 })
  const inode = await create(client, 'file')
  const given = await lease(client, inode)
  t.equal(await write(given, 'before'), 'done')
  await running.chunkservers.find(({ id }) => id === given.primary)?.stop()
  const next = await lease(client, inode, [given.primary], given.version)
  t.equal(next.replicas.length, 2)
  t.equal(await write(next, 'after!'), 'done')
  await eventually('three replicas again', async () => {
    const info = await client.call('fileInfo', { inode, first, count: 1 })
    return info.chunks[0]?.replicas.filter(({ state }) => state === 'good').length === 3
  })
})

t.test('after a restart everything is where it was', async t => {
  const { running, client } = await started(t)
  const inode = await create(client, 'file')
  const given = await lease(client, inode)
  t.equal(await write(given, 'hello'), 'done')
  const { cluster } = running.master
  await running.restart()
  t.equal(running.master.cluster, cluster)
  const again = await running.client()
  const { chunks } = await again.call('locate', { session: again.session, inode, first, count: 1 })
  t.equal(chunks[0]?.replicas.length, 3, 'whoever asks early waits for the chunkservers')
  const next = await lease(again, inode)
  t.ok(next.version > given.version)
  t.equal(next.replicas.length, 3)
  t.equal(await write(next, 'world'), 'done')
})

t.test('a hole is not located, and a file that is gone says so', async t => {
  const { client } = await started(t, 0)
  const inode = await create(client, 'file')
  t.strictSame(await client.call('locate', { session: client.session, inode, first, count: 4 }), { chunks: [] })
  const gone = { session: client.session, inode: 999 as InodeId, first, count: 1 }
  await t.rejects(client.call('locate', gone), { code: 'stale-handle' })
  await t.rejects(lease(client, 999 as InodeId), { code: 'stale-handle' })
})

t.test('a second chunkserver with the id of a running one is refused, and the first goes on', async t => {
  const { running, client } = await started(t, 1)
  const server = running.chunkservers[0]?.id ?? 0 as ServerId
  const { link } = await dialLink(network, running.master.address,
    { role: 'chunkserver', lane: 'control', expect: 'master', timeoutMs: 5_000 }, outside)
  await t.rejects(link.call(chunkserverRegistryApi.methods.register, {
    server, address: '127.0.0.1:9', rack: '', host: '', totalBytes: 1, freeBytes: 1, boot: '',
  }, { deadlineMs: 5_000 }), { code: 'invalid' })
  link.close('done')
  t.match((await client.call('status', {})).servers, [{ state: 'live', address: running.chunkservers[0]?.address }])
})

t.test('who has not registered reports nothing', async t => {
  const { running } = await started(t, 0)
  const { link } = await dialLink(network, running.master.address,
    { role: 'chunkserver', lane: 'control', expect: 'master', timeoutMs: 5_000 }, outside)
  const report = { replicas: [], first: true, last: true }
  await t.rejects(link.call(chunkserverRegistryApi.methods.report, report, { deadlineMs: 5_000 }), { code: 'invalid' })
  link.close('done')
})

t.test('rubbish on the port is refused and the others are served on', async t => {
  const { running, client } = await started(t, 0)
  for (const bytes of [Buffer.from('hello'), Buffer.alloc(100, 255), Buffer.alloc(0)]) {
    const connection = await network.dial(running.master.address, 5_000)
    const closed = new Promise(resolve => { connection.onClose = resolve })
    connection.send([bytes])
    await closed
  }
  t.equal((await client.call('status', {})).sessions, 1)
})

t.test('a damaged identity stops the start with a clear word', async t => {
  const { running } = await started(t, 0)
  fs.writeFileSync(path.join(running.root, 'master', 'identity.json'), '{"format":1}')
  await t.rejects(running.restart(), { code: 'invalid', message: /identity.json/ })
  fs.rmSync(path.join(running.root, 'master', 'identity.json'))
  await running.restart().catch(() => {})
})
