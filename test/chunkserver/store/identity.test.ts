import t from 'tap'
import { openIdentity } from '../../../src/chunkserver/store/identity.ts'
import { clusterId } from '../../../src/protocol/identifiers.ts'
import { SimulatedDisk } from '../../simulation/disk.ts'
import { SeededRandom } from '../../simulation/random.ts'

const ours = clusterId.parse('6e3bca3c-8a9f-4b3e-9a59-0ad8f9b2f8c1')
const other = clusterId.parse('0d3c2c0e-8f64-4a58-93c1-54f2e1f8d8a7')

t.test('a server keeps its id, and its cluster once it has joined one, through a power cut', async t => {
  const random = new SeededRandom(1)
  const disk = new SimulatedDisk({ random })
  const first = await openIdentity({ disk, random })
  t.equal(first.cluster, undefined)
  disk.powerCut()
  const second = await openIdentity({ disk, random })
  t.equal(second.server, first.server)
  await second.join(ours)
  disk.powerCut()
  const third = await openIdentity({ disk, random })
  t.equal(third.server, first.server)
  t.equal(third.cluster, ours)
})

t.test('a folder of another cluster is refused', async t => {
  const random = new SeededRandom(2)
  const identity = await openIdentity({ disk: new SimulatedDisk({ random }), random })
  await identity.join(ours)
  await identity.join(ours)
  await t.rejects(identity.join(other), { code: 'wrong-cluster' })
  t.equal(identity.cluster, ours)
})

t.test('a file that makes no sense is refused, not replaced by a new identity', async t => {
  const random = new SeededRandom(3)
  const disk = new SimulatedDisk({ random })
  disk.open('identity.json', 'create').writeNow(Buffer.from('{"server":'), 0)
  await t.rejects(openIdentity({ disk, random }), { code: 'invalid' })
})
