import t, { type Test } from 'tap'
import { superuser, type Caller } from '../../../src/protocol/attributes.ts'
import { asDfsError } from '../../../src/protocol/errors.ts'
import type { Client, FileSystem, OpenFile } from '../../../src/client/index.ts'
import { name as nameSchema, type Name } from '../../../src/protocol/names.ts'
import { silentLog } from '../../../src/seams/log.ts'
import { CHUNK_BYTES, SimulatedCluster } from '../../simulation/cluster.ts'
import { World } from '../../simulation/world.ts'

const name = (text: string): Name => nameSchema.parse(text)
const both = { read: true, write: true }
const user: Caller = { uid: 1000, gid: 1000, groups: [] }

interface Scene {
  cluster: SimulatedCluster
  one: FileSystem
  other: FileSystem
  clients: Client[]
  finish: <Value>(promise: Promise<Value>) => Promise<Value>
  /** Lets time pass. */
  pass: (ms: number) => Promise<void>
}

/** Two clients of a cluster with three chunkservers. */
async function scene(t: Test, seed: number): Promise<Scene> {
  const world = new World(seed)
  const cluster = new SimulatedCluster(world, { servers: 3, log: silentLog, onFault: () => {} })
  t.teardown(() => { cluster.remove() })
  const finish = <Value>(promise: Promise<Value>): Promise<Value> =>
    world.finish(promise, { stepsMax: 500_000, what: 'the test' })
  await finish(cluster.start(2))
  const clients = cluster.clients.map(({ client }) => client)
  const [one, other] = clients.map(({ fileSystem }) => fileSystem)
  if (one === undefined || other === undefined) throw new Error('two clients were asked for')
  const pass = (ms: number): Promise<void> =>
    finish(new Promise<void>(resolve => { world.clock.after(ms, resolve) }))
  return { cluster, one, other, clients, finish, pass }
}

async function bytesOf(file: OpenFile): Promise<string> {
  return Buffer.concat(await file.read(0, 10 * CHUNK_BYTES)).toString()
}

async function create(fileSystem: FileSystem, text: string, mode = 0o644, caller = superuser): Promise<OpenFile> {
  return fileSystem.create(fileSystem.root, name(text), mode, { ...both, exclusive: true }, caller)
}

t.test('what one client closed, another reads as soon as it opens', async t => {
  const { one, other, finish } = await scene(t, 1)
  const file = await finish(create(one, 'file'))
  const reader = await finish(other.open(file.inode, both, superuser))
  for (const text of ['first', 'the second', '3rd']) {
    const writer = await finish(one.open(file.inode, { ...both, truncate: true }, superuser))
    await finish(writer.write(0, Buffer.from(text)))
    await finish(writer.close())
    const opened = await finish(other.open(file.inode, both, superuser))
    t.equal(opened.attributes.sizeBytes, text.length)
    t.equal(await finish(bytesOf(opened)), text)
    t.equal(await finish(bytesOf(reader)), text, 'so does a handle that was open before')
    await finish(opened.close())
  }
})

t.test('attributes show what was written before the master knows of it', async t => {
  const { one, finish } = await scene(t, 2)
  const file = await finish(create(one, 'file'))
  await finish(file.write(1000, Buffer.from('tail')))
  t.equal((await finish(one.attributes(file.inode))).sizeBytes, 1004)
  t.equal((await finish(one.lookup(one.root, name('file'), superuser))).sizeBytes, 1004)
  const { entries } = await finish(one.readDirectory(one.root, undefined, 10, superuser))
  t.equal(entries[0]?.attributes.sizeBytes, 1004)
  const before = await finish(one.attributes(file.inode))
  await finish(file.close())
  const after = await finish(one.attributes(file.inode))
  t.strictSame([after.sizeBytes, after.modifiedNs], [1004, before.modifiedNs], 'and nothing changes when it does')
})

t.test('an unlinked file can be read and written until it is closed', async t => {
  const { one, other, finish, pass } = await scene(t, 3)
  const file = await finish(create(one, 'file'))
  await finish(file.write(0, Buffer.from('before')))
  await finish(file.flush())
  await finish(other.unlink(other.root, name('file'), superuser))
  await finish(file.write(6, Buffer.from(' and after')))
  await finish(file.sync())
  t.equal(await finish(bytesOf(file)), 'before and after')
  await finish(file.close())
  await pass(1_000)
  t.match(await finish(other.open(file.inode, both, superuser).catch(asDfsError)), { code: 'stale-handle' })
})

t.test('truncating through a handle needs no permission but that of opening', async t => {
  const { one, finish } = await scene(t, 4)
  await finish(one.setAttributes(one.root, { mode: 0o777 }, superuser))
  const file = await finish(create(one, 'file', 0o444, user))
  await finish(file.write(0, Buffer.alloc(CHUNK_BYTES + 100, 'x')))
  await finish(file.truncate(CHUNK_BYTES + 10))
  t.equal((await finish(one.attributes(file.inode))).sizeBytes, CHUNK_BYTES + 10)
  await finish(file.truncate(CHUNK_BYTES + 20))
  const tail = Buffer.concat(await finish(file.read(CHUNK_BYTES, 100)))
  t.equal(tail.toString('latin1'), 'x'.repeat(10) + '\0'.repeat(10), 'what was cut off does not come back')
  const stranger = { uid: 2000, gid: 2000, groups: [] }
  const refused = await finish(one.setAttributes(file.inode, { sizeBytes: 0 }, stranger).catch(asDfsError))
  t.match(refused, { code: 'access-denied' })
  t.equal(Buffer.concat(await finish(file.read(0, 10))).toString(), 'x'.repeat(10), 'a refused truncation harms nothing')
})

t.test('writing takes set-id bits away at once, unless root writes', async t => {
  const { one, finish } = await scene(t, 5)
  await finish(one.setAttributes(one.root, { mode: 0o777 }, superuser))
  const file = await finish(create(one, 'file', 0o755, user))
  await finish(one.setAttributes(file.inode, { mode: 0o4755 }, superuser))
  const asRoot = await finish(one.open(file.inode, both, superuser))
  await finish(asRoot.write(0, Buffer.from('root')))
  await finish(asRoot.close())
  t.equal((await finish(one.attributes(file.inode))).mode, 0o4755)
  const asUser = await finish(one.open(file.inode, both, user))
  await finish(asUser.write(0, Buffer.from('user')))
  t.equal((await finish(one.attributes(file.inode))).mode, 0o755)
})

t.test('times that are set stay set, whatever was written before', async t => {
  const { one, other, finish } = await scene(t, 6)
  const file = await finish(create(one, 'file'))
  await finish(file.write(0, Buffer.from('text')))
  await finish(one.setAttributes(file.inode, { modifiedNs: 1_000n }, superuser))
  await finish(file.close())
  t.equal((await finish(other.attributes(file.inode))).modifiedNs, 1_000n)
})

t.test('O_TRUNC empties what other handles of the client have not sent yet', async t => {
  const { one, other, finish } = await scene(t, 7)
  const file = await finish(create(one, 'file'))
  await finish(file.write(0, Buffer.from('long text that is not sent')))
  const options = { ...both, truncate: true, exclusive: false }
  const again = await finish(one.create(one.root, name('file'), 0o644, options, superuser))
  await finish(again.write(0, Buffer.from('new')))
  await finish(again.close())
  await finish(file.close())
  t.equal(await finish(bytesOf(await finish(other.open(file.inode, both, superuser)))), 'new')
})

t.test('fallocate makes room, zeros and holes', async t => {
  const { one, finish } = await scene(t, 8)
  const file = await finish(create(one, 'file'))
  await finish(file.write(0, Buffer.alloc(3 * CHUNK_BYTES, 'x')))
  await finish(file.allocate('punch', CHUNK_BYTES - 10, CHUNK_BYTES + 20))
  const around = Buffer.concat(await finish(file.read(CHUNK_BYTES - 12, CHUNK_BYTES + 24))).toString('latin1')
  t.equal(around, `xx${'\0'.repeat(CHUNK_BYTES + 20)}xx`)
  t.equal(await finish(file.seek('hole', 0)), CHUNK_BYTES)
  t.equal(await finish(file.seek('data', CHUNK_BYTES)), 2 * CHUNK_BYTES)
  await finish(file.allocate('reserve', 0, 4 * CHUNK_BYTES))
  t.equal((await finish(one.attributes(file.inode))).sizeBytes, 3 * CHUNK_BYTES)
  await finish(file.allocate('extend', 0, 3 * CHUNK_BYTES + 5))
  t.equal((await finish(one.attributes(file.inode))).sizeBytes, 3 * CHUNK_BYTES + 5)
  await finish(file.allocate('zero', 3 * CHUNK_BYTES - 2, 10))
  t.equal((await finish(one.attributes(file.inode))).sizeBytes, 3 * CHUNK_BYTES + 8)
  t.match(await finish(file.seek('data', 4 * CHUNK_BYTES).catch(asDfsError)), { code: 'no-data-there' })
})

t.test('two clients that append to one file lose nothing of each other', async t => {
  const { one, other, finish } = await scene(t, 9)
  const file = await finish(create(one, 'log'))
  const handles = [
    await finish(one.open(file.inode, { ...both, append: true }, superuser)),
    await finish(other.open(file.inode, { ...both, append: true }, superuser)),
  ]
  await finish(Promise.all(handles.map(async (handle, at) => {
    for (let line = 0; line < 20; line++) {
      await handle.write(0, Buffer.from(`${String(at)}:${String(line)}\n`))
      if (line % 5 === 0) await handle.flush()
    }
    await handle.close()
  })))
  const lines = (await finish(bytesOf(await finish(other.open(file.inode, both, superuser))))).trim().split('\n')
  t.equal(lines.length, 40)
  for (const at of ['0', '1']) {
    t.strictSame(lines.filter(line => line.startsWith(`${at}:`)),
      Array.from({ length: 20 }, (_, line) => `${at}:${String(line)}`), 'in order, and none twice')
  }
})

t.test('handles of an expired session are stale, and new ones work', async t => {
  const { cluster, one, finish, pass } = await scene(t, 10)
  const file = await finish(create(one, 'file'))
  await finish(file.write(0, Buffer.from('text')))
  await finish(file.flush())
  cluster.world.network.cut('client-1', 'master')
  await pass(200_000)
  cluster.world.network.heal()
  await finish(one.attributes(one.root))
  t.match(await finish(file.read(0, 10).catch(asDfsError)), { code: 'stale-handle', message: /open the file again/ })
  await finish(file.close())
  const again = await finish(one.open(file.inode, both, superuser))
  t.equal(await finish(bytesOf(again)), 'text')
})

t.test('a handle does only what it was opened for', async t => {
  const { one, finish } = await scene(t, 11)
  const file = await finish(create(one, 'file'))
  const reader = await finish(one.open(file.inode, { read: true, write: false }, superuser))
  const writer = await finish(one.open(file.inode, { read: false, write: true }, superuser))
  t.match(await finish(reader.write(0, Buffer.from('x')).catch(asDfsError)), { code: 'bad-descriptor' })
  t.match(await finish(writer.read(0, 1).catch(asDfsError)), { code: 'bad-descriptor' })
  await finish(reader.close())
  t.match(await finish(reader.read(0, 1).catch(asDfsError)), { code: 'bad-descriptor' })
  t.match(await finish(one.open(one.root, both, superuser).catch(asDfsError)), { code: 'is-a-directory' })
})

t.test('closing the client saves what its open files have', async t => {
  const { clients, one, other, finish } = await scene(t, 12)
  const file = await finish(create(one, 'file'))
  await finish(file.write(0, Buffer.from('saved')))
  await finish(clients[0]?.close() ?? Promise.reject(new Error('no client')))
  t.equal(await finish(bytesOf(await finish(other.open(file.inode, both, superuser)))), 'saved')
})
