import t from 'tap'
import { superuser } from '../../../src/protocol/attributes.ts'
import { name } from '../../../src/protocol/names.ts'
import { silentLog } from '../../../src/seams/log.ts'
import { SimulatedCluster } from '../../simulation/cluster.ts'
import { World } from '../../simulation/world.ts'

const both = { read: true, write: true }

t.test('each handle that was open hears once of a write that was lost', async t => {
  const world = new World(1)
  const cluster = new SimulatedCluster(world, { servers: 3, log: silentLog, onFault: () => {} })
  t.teardown(() => { cluster.remove() })
  const finish = <Value>(promise: Promise<Value>): Promise<Value> =>
    world.finish(promise, { stepsMax: 500_000, what: 'the test' })
  await finish(cluster.start(1))
  const fileSystem = cluster.clients[0]?.client.fileSystem
  if (fileSystem === undefined) throw new Error('one client was asked for')
  const failed = (promise: Promise<unknown>): Promise<boolean> => finish(promise.then(() => false, () => true))

  const one = await finish(
    fileSystem.create(fileSystem.root, name.parse('file'), 0o644, { ...both, exclusive: true }, superuser))
  const other = await finish(fileSystem.open(one.inode, both, superuser))
  const reader = await finish(fileSystem.open(one.inode, { read: true, write: false }, superuser))
  for (const server of cluster.servers) server.crash('kill')
  await finish(one.write(0, Buffer.from('lost')))
  t.equal(await failed(one.sync()), true, 'the writer, when it asks')
  t.equal(await failed(one.sync()), false, 'once')
  t.equal(await failed(other.write(10, Buffer.from('x'))), true, 'another handle, when it writes')
  const late = await finish(fileSystem.open(one.inode, both, superuser))
  t.equal(await failed(late.flush()), false, 'a handle opened later hears nothing')
  t.equal(await failed(reader.close()), false, 'nor does one that could not write')
  t.equal(await failed(other.close()), false, 'and nobody hears twice')
  for (const server of cluster.servers) await finish(server.start())
  await finish(late.write(0, Buffer.from('kept')))
  t.equal(await failed(late.sync()), false, 'when the servers are back, writing goes on')
  t.equal(await failed(one.close()), false)
  await finish(late.close())
})
