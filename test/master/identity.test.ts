import t from 'tap'
import { clusterIdentity } from '../../src/master/identity.ts'
import { KnownServers } from '../../src/master/servers/known.ts'
import type { ServerId } from '../../src/protocol/identifiers.ts'
import { SimulatedDisk } from '../simulation/disk.ts'
import { SeededRandom } from '../simulation/random.ts'

const server = (id: number, address: string) => ({ server: id as ServerId, address, rack: 'r', host: 'h' })

t.test('a cluster keeps its id, through a power cut too, and another one has another', async t => {
  const random = new SeededRandom(3)
  const disk = new SimulatedDisk({ random: random.fork() })
  const cluster = await clusterIdentity({ disk, random })
  disk.powerCut()
  t.equal(await clusterIdentity({ disk, random }), cluster)
  t.not(await clusterIdentity({ disk: new SimulatedDisk({ random: random.fork() }), random }), cluster)
})

t.test('servers that have registered are remembered, with their latest address', async t => {
  const disk = new SimulatedDisk({ random: new SeededRandom(4) })
  const known = new KnownServers(disk)
  await known.add(server(1, 'one:1'))
  await Promise.all([known.add(server(2, 'two:1')), known.add(server(1, 'one:2'))])
  disk.powerCut()
  t.strictSame(new KnownServers(disk).all(), [server(1, 'one:2'), server(2, 'two:1')])
})
