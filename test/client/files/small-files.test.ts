import t from 'tap'
import { superuser } from '../../../src/protocol/attributes.ts'
import { name as nameSchema } from '../../../src/protocol/names.ts'
import { silentLog } from '../../../src/seams/log.ts'
import { SimulatedCluster } from '../../simulation/cluster.ts'
import { World } from '../../simulation/world.ts'

const both = { read: true, write: true, exclusive: true }
const page = Buffer.alloc(4_096, 'x')

/** A cluster with three chunkservers, and what an operation costs: the least of several tries, since heartbeats count too. */
async function scene(seed: number) {
  const world = new World(seed)
  const cluster = new SimulatedCluster(world, { servers: 3, log: silentLog, onFault: () => {} })
  const finish = <Value>(promise: Promise<Value>): Promise<Value> =>
    world.finish(promise, { stepsMax: 500_000, what: 'the test' })
  await finish(cluster.start(1))
  const [one] = cluster.clients
  if (one === undefined) throw new Error('a client was asked for')
  const { fileSystem } = one.client
  const pass = (ms: number): Promise<void> => finish(new Promise<void>(resolve => { world.clock.after(ms, resolve) }))
  const costOf = async (run: (turn: number) => Promise<void>): Promise<{ messages: number, syncs: number }> => {
    const costs: { messages: number, syncs: number }[] = []
    for (let turn = 0; turn < 12; turn++) {
      const before = { messages: world.network.delivered, syncs: cluster.syncs }
      await finish(run(turn))
      costs.push({ messages: world.network.delivered - before.messages, syncs: cluster.syncs - before.syncs })
      await pass(150)
    }
    return { messages: Math.min(...costs.map(cost => cost.messages)), syncs: Math.min(...costs.map(cost => cost.syncs)) }
  }
  const create = (text: string) => fileSystem.create(fileSystem.root, nameSchema.parse(text), 0o644, both, superuser)
  return { cluster, fileSystem, finish, pass, costOf, create }
}

t.test('a small file costs as few messages and syncs as can be', async t => {
  const { cluster, fileSystem, finish, pass, costOf, create } = await scene(1)
  t.teardown(() => { cluster.remove() })
  t.strictSame(await costOf(async turn => {
    const file = await create(`file-${turn}`)
    await file.write(0, page)
    await file.close()
  }), {
    // To the master and back: create, settle. Master to primary: grant. To the primary: commit, which goes to two others.
    messages: 2 * (2 + 1 + 1 + 2),
    // The journal's: what is closed is in three page caches.
    syncs: 2,
  })
  await pass(2_000)
  t.strictSame(await costOf(async turn => {
    const { inode } = await fileSystem.lookup(fileSystem.root, nameSchema.parse(`file-${turn}`), superuser)
    const file = await fileSystem.open(inode, { read: true, write: false }, superuser)
    t.equal((await file.read(0, page.length)).length, 1)
    await file.close()
  }), {
    // To the master: open, whose answer says where the bytes are. To a chunkserver: read. Names come with the directory.
    messages: 2 * 2,
    syncs: 0,
  })
  const file = await finish(create('synced'))
  t.strictSame(await costOf(async turn => {
    await file.write(turn * page.length, page)
    await file.sync()
  }), {
    // To the primary: commit with sync, which goes to two others. To the master: settle.
    messages: 2 * (3 + 1),
    // Data on three disks, and the journal.
    syncs: 4,
  })
})

t.test('a file that nothing is written to keeps no chunk', async t => {
  const { cluster, fileSystem, finish, pass, create } = await scene(2)
  t.teardown(() => { cluster.remove() })
  const chunks = async (): Promise<number> => (await finish(cluster.clients[0]?.client.admin.status() ?? Promise.reject(new Error()))).chunks
  // By then the chunkservers are known, and new files get a chunk.
  await pass(2_000)
  const before = await chunks()
  const empty = await finish(create('empty'))
  t.equal(await chunks(), before + 1, 'its first chunk came with it')
  t.strictSame(await finish(empty.read(0, 10)), [])
  await finish(empty.truncate(1_000_000))
  const zeros = Buffer.concat(await finish(empty.read(0, 5_000)))
  t.ok(zeros.length === 5_000 && zeros.every(byte => byte === 0), 'what was never written reads as zeros at once')
  await finish(empty.close())
  await pass(1_000)
  const other = await finish(create('other'))
  await finish(other.close())
  await pass(1_000)
  t.ok(await chunks() <= before + 1, 'and went when it was closed')
  const again = await finish(fileSystem.open(other.inode, { read: true, write: true }, superuser))
  await finish(again.write(0, page))
  await finish(again.close())
  const opened = await finish(fileSystem.open(other.inode, { read: true, write: false }, superuser))
  t.strictSame(Buffer.concat(await finish(opened.read(0, 5_000))), page, 'what is written later goes to another one')
})
