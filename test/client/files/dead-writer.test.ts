import t, { type Test } from 'tap'
import type { FileSystem, OpenFile } from '../../../src/client/index.ts'
import { superuser } from '../../../src/protocol/attributes.ts'
import { asDfsError } from '../../../src/protocol/errors.ts'
import type { InodeId } from '../../../src/protocol/identifiers.ts'
import { name as nameSchema } from '../../../src/protocol/names.ts'
import { silentLog } from '../../../src/seams/log.ts'
import { CHUNK_BYTES, SESSION_MS, SimulatedCluster } from '../../simulation/cluster.ts'
import { World } from '../../simulation/world.ts'

const both = { read: true, write: true }
const FILE = nameSchema.parse('file')
const KEPT = Buffer.alloc(100_000, 'k')
/** What is written behind it reaches into the chunk after the next. */
const LEFT = Buffer.alloc(2 * CHUNK_BYTES, 'x')
const LATER_BYTES = 3 * CHUNK_BYTES
/** Long enough for a session to be missed, a lease to run out and a disk to be tidied up. */
const LONG_MS = SESSION_MS + 30_000

/** @param heard what the processes log */
async function scene(t: Test, seed: number, heard: (sentence: string) => void = () => {}) {
  const world = new World(seed)
  const log = { ...silentLog, info: (_facts: object, sentence: string) => { heard(sentence) } }
  const cluster = new SimulatedCluster(world, { servers: 3, log, onFault: () => {} })
  t.teardown(() => { cluster.remove() })
  const finish = <Value>(promise: Promise<Value>): Promise<Value> =>
    world.finish(promise, { stepsMax: 2_000_000, what: 'the test' })
  const pass = (ms: number): Promise<void> => finish(new Promise<void>(resolve => { world.clock.after(ms, resolve) }))
  await finish(cluster.start(1))
  const [machine] = cluster.clients
  if (machine === undefined) throw new Error('a client was asked for')
  const other = machine.client.fileSystem
  const writer = await finish(cluster.guest())
  /** As the master knows it, whatever is cached. */
  const size = async (): Promise<number> => {
    const { inode } = await finish(other.lookup(other.root, FILE, superuser))
    const handle = await finish(other.open(inode, { read: true, write: false }, superuser))
    await finish(handle.close())
    return handle.attributes.sizeBytes
  }
  /** Bytes on the disks that lie behind the end that the master knows. */
  const leftOnDisks = (): number => [...cluster.replicas().values()].flatMap(replicas => [...replicas.values()])
    .reduce((sum, { length }) => sum + length, -3 * KEPT.length)

  /** Has a file written whose end the master knows, and then more of it that the replicas have and the master was not told of. */
  const leave = async (): Promise<{ inode: InodeId, handle: OpenFile }> => {
    const { fileSystem } = writer.client
    const handle = await finish(fileSystem.create(fileSystem.root, FILE, 0o644, { ...both, exclusive: true }, superuser))
    await finish(handle.write(0, KEPT))
    await finish(handle.flush())
    await finish(handle.write(KEPT.length, LEFT))
    // The answers are late: the replicas have everything before the writer knows, and it the master only when all have.
    for (const { host } of cluster.servers) world.network.slow(writer.host, host, 400)
    while (leftOnDisks() < 3 * LEFT.length) await pass(20)
    world.network.cut(writer.host, 'master')
    await pass(1_000)
    t.equal(await size(), KEPT.length, 'nobody was told')
    return { inode: handle.inode, handle }
  }
  return { world, cluster, writer, other, finish, pass, size, leftOnDisks, leave }
}

async function read(fileSystem: FileSystem, inode: InodeId): Promise<Buffer> {
  const handle = await fileSystem.open(inode, { read: true, write: false }, superuser)
  const parts: Uint8Array[] = []
  for (let at = 0; at < LATER_BYTES;) {
    const more = Buffer.concat(await handle.read(at, LATER_BYTES - at))
    if (more.length === 0) break
    parts.push(more)
    at += more.length
  }
  await handle.close()
  return Buffer.concat(parts)
}

const extended = Buffer.concat([KEPT, Buffer.alloc(LATER_BYTES - KEPT.length)])

t.test('what a dead writer left behind the end goes, and does not show when the file is made longer', async t => {
  const { writer, other, finish, pass, size, leftOnDisks, leave } = await scene(t, 1)
  const { inode } = await leave()
  writer.crash('kill')
  await pass(LONG_MS)
  t.equal(leftOnDisks(), 0, 'it takes no room either')
  const handle = await finish(other.open(inode, both, superuser))
  await finish(handle.truncate(LATER_BYTES))
  await finish(handle.close())
  t.equal(await size(), LATER_BYTES)
  t.ok((await finish(read(other, inode))).equals(extended), 'zeros behind what was there')
})

t.test('who has the file open keeps what a dead writer left, until it is closed', async t => {
  const { writer, other, finish, pass, leftOnDisks, leave } = await scene(t, 2)
  const { inode } = await leave()
  const held = await finish(other.open(inode, both, superuser))
  writer.crash('kill')
  await pass(LONG_MS)
  t.equal(leftOnDisks(), 3 * LEFT.length)
  await finish(held.close())
  await pass(5_000)
  t.equal(leftOnDisks(), 0)
})

t.test('who opens the file to write while it is cut waits for the end of it, who reads does not', async t => {
  const order: string[] = []
  const cut = Promise.withResolvers<undefined>()
  const { world, cluster, writer, other, finish, leave } = await scene(t, 5, sentence => {
    if (sentence.startsWith('cutting')) cut.resolve(undefined)
  })
  const { inode } = await leave()
  writer.crash('kill')
  // The servers are told late.
  for (const { host } of cluster.servers) world.network.slow('master', host, 400)
  await finish(cut.promise)
  const extend = async (): Promise<void> => {
    const handle = await other.open(inode, both, superuser)
    order.push('opened to write')
    await handle.truncate(LATER_BYTES)
    await handle.close()
  }
  const look = async (): Promise<void> => {
    const handle = await other.open(inode, { read: true, write: false }, superuser)
    order.push('opened to read')
    await handle.close()
  }
  await finish(Promise.all([extend(), look()]))
  t.strictSame(order, ['opened to read', 'opened to write'])
  t.ok((await finish(read(other, inode))).equals(extended), 'and what it adds is zeros')
})

t.test('a restart of the master forgets nothing of it', async t => {
  const { cluster, writer, other, finish, pass, leftOnDisks, leave } = await scene(t, 3)
  const { inode } = await leave()
  writer.crash('kill')
  cluster.master.crash('kill')
  await finish(cluster.master.start())
  await pass(LONG_MS)
  t.equal(leftOnDisks(), 0)
  t.ok((await finish(read(other, inode))).equals(KEPT))
})

t.test('a writer that lost its session and comes back is told that the bytes are gone', async t => {
  const { world, writer, other, finish, pass, size, leftOnDisks, leave } = await scene(t, 4)
  const { inode, handle } = await leave()
  await pass(LONG_MS)
  t.equal(leftOnDisks(), 0)
  world.network.heal()
  await t.rejects(finish(handle.close()).catch((error: unknown) => { throw asDfsError(error) }), { code: 'bytes-lost' })
  t.equal(await size(), KEPT.length)
  t.ok((await finish(read(other, inode))).equals(KEPT))
  const { fileSystem } = writer.client
  const again = await finish(fileSystem.open(inode, both, superuser))
  await finish(again.write(KEPT.length, LEFT))
  await finish(again.close())
  t.equal(await size(), KEPT.length + LEFT.length, 'and can write them again')
  t.ok((await finish(read(other, inode))).equals(Buffer.concat([KEPT, LEFT])))
})
