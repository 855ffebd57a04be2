import t from 'tap'
import { Drops } from '../../../src/master/chunks/drops.ts'
import { Leases } from '../../../src/master/chunks/leases.ts'
import { Locations } from '../../../src/master/chunks/locations.ts'
import { judge, Reports } from '../../../src/master/chunks/reports.ts'
import { Servers } from '../../../src/master/servers/registry.ts'
import type { ReplicaReport } from '../../../src/protocol/chunks.ts'
import type { ChunkId, ChunkIndex, ChunkVersion, InodeId, ServerId } from '../../../src/protocol/identifiers.ts'
import { silentLog } from '../../../src/seams/log.ts'
import { World } from '../../simulation/world.ts'
import { TableInMemory } from './chunk-world.ts'

const one = 1 as ServerId
const report = (chunk: number, version = 10, state: ReplicaReport['state'] = 'good'): ReplicaReport =>
  ({ chunk: chunk as ChunkId, version: version as ChunkVersion, lengthBytes: 3, state })

function setUp() {
  const { clock } = new World(1)
  const table = new TableInMemory()
  for (const id of [1, 2, 3]) {
    table.records.set(id as ChunkId, {
      inode: 7 as InodeId, index: id as ChunkIndex, version: 10 as ChunkVersion, lossVersion: 0 as ChunkVersion,
    })
  }
  table.nextChunk = 10
  const locations = new Locations(() => {})
  const leases = new Leases({ clock, leaseMs: 60_000 })
  const servers = new Servers({ clock, log: silentLog, times: { heartbeatMs: 1, staleMs: 2, deadMs: 3 } })
  const drops = new Drops({ servers, log: silentLog })
  const reports = new Reports({ table, locations, leases, drops, clock, log: silentLog })
  const page = (replicas: ReplicaReport[], { first = true, last = true, isFirstReport = false } = {}): Promise<boolean> =>
    reports.page(one, { replicas, first, last, isFirstReport, lostPower: false })
  return { table, locations, leases, drops, reports, page }
}

t.test('a chunk we know, garbage, and one that we never made', async t => {
  const { table } = setUp()
  t.equal(judge(report(1), table.chunk(1 as ChunkId), 10), 'known')
  t.equal(judge(report(4), undefined, 10), 'garbage')
  t.equal(judge(report(10), undefined, 10), 'from the future')
})

t.test('garbage is dropped, what we cannot judge is not', async t => {
  const { drops, reports, locations } = setUp()
  reports.changed(one, [report(4), report(12)])
  t.equal(drops.count, 1)
  t.ok(drops.isDoomed(one, 4 as ChunkId, 10 as ChunkVersion))
  t.equal(locations.count, 0)
})

t.test('what a full report does not name is not there', async t => {
  const { locations, page } = setUp()
  await page([report(1), report(2)])
  t.notOk(await page([report(2)], { last: false }), 'nothing is concluded from half a report')
  t.equal(locations.count, 2)
  t.ok(await page([report(3)], { first: false }))
  t.strictSame([...locations.chunksOf(one)].sort(), [2, 3])
})

t.test('a replica that the first mutation has yet to make is not missing', async t => {
  const { locations, leases, page } = setUp()
  const chunk = 1 as ChunkId
  const version = 10 as ChunkVersion
  locations.set(chunk, { server: one, version, lengthBytes: 0, state: 'expected' })
  leases.begin({ chunk, version, primary: one, members: [one] })
  await page([])
  t.equal(locations.of(chunk).length, 1)
  leases.end(chunk)
  await page([])
  t.equal(locations.of(chunk).length, 0)
})

t.test('old news of a replica that was fenced since change nothing, a restart on an older disk does', async t => {
  const { locations, reports, page } = setUp()
  reports.changed(one, [report(1, 12)])
  reports.changed(one, [report(1, 11)])
  t.equal(locations.get(1 as ChunkId, one)?.version, 12)
  await page([report(1, 11)], { isFirstReport: true })
  t.equal(locations.get(1 as ChunkId, one)?.version, 11)
})

t.test('a replica on its way out counts no more, one made since does', async t => {
  const { locations, drops, reports } = setUp()
  drops.add(one, 1 as ChunkId, 10 as ChunkVersion)
  reports.changed(one, [report(1, 10)])
  t.equal(locations.count, 0)
  reports.changed(one, [report(1, 11)])
  t.equal(locations.count, 1)
})

t.test('doubtful replicas that were accepted count as good, until their server comes anew', async t => {
  const { locations, reports, page } = setUp()
  locations.accept(1 as ChunkId, 10 as ChunkVersion)
  reports.changed(one, [report(1, 10, 'doubtful')])
  t.equal(locations.get(1 as ChunkId, one)?.state, 'good')
  await page([report(1, 10, 'doubtful')], { isFirstReport: true })
  t.equal(locations.get(1 as ChunkId, one)?.state, 'doubtful')
})

t.test('what is gone is gone, and counts agree', async t => {
  const { locations, reports } = setUp()
  reports.changed(one, [report(1), report(2)])
  reports.gone(one, [1 as ChunkId, 99 as ChunkId])
  t.equal(locations.count, 1)
  t.strictSame([...locations.chunksOf(one)], [2])
  t.match(locations.forget(2 as ChunkId), [{ server: 1 }])
  t.equal(locations.count, 0)
})
