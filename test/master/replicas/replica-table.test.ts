import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { ReplicaTable } from '../../../src/master/replicas/replica-table.ts'
import type { Replica } from '../../../src/master/replicas/replica.ts'
import type { ChunkId, ChunkVersion, ServerId } from '../../../src/protocol/identifiers.ts'
import { SeededRandom } from '../../simulation/random.ts'

const chunkOf = (id: number): ChunkId => id as ChunkId
const replica = (server: number, version = 1, lengthBytes = 0, state: Replica['state'] = 'good'): Replica => (
  { server: server as ServerId, version: version as ChunkVersion, lengthBytes, state })
const byServer = (one: Replica, other: Replica): number => one.server - other.server
const numerically = (one: number, other: number): number => one - other

/** What the table should be, in plain maps. */
class Model {
  readonly #chunks = new Map<ChunkId, Map<ServerId, Replica>>()

  set(chunk: ChunkId, added: Replica): Replica | undefined {
    const replicas = this.#chunks.get(chunk) ?? new Map<ServerId, Replica>()
    this.#chunks.set(chunk, replicas)
    const before = replicas.get(added.server)
    replicas.set(added.server, added)
    return before
  }

  remove(chunk: ChunkId, server: ServerId): Replica | undefined {
    const before = this.#chunks.get(chunk)?.get(server)
    this.#chunks.get(chunk)?.delete(server)
    return before
  }

  of(chunk: ChunkId): Replica[] {
    return [...this.#chunks.get(chunk)?.values() ?? []].sort(byServer)
  }

  chunksOf(server: ServerId): ChunkId[] {
    return [...this.#chunks].filter(([, replicas]) => replicas.has(server)).map(([chunk]) => chunk).sort(numerically)
  }

  get chunks(): ChunkId[] {
    return [...this.#chunks.keys()]
  }
}

// The first, while there is little else that could go meanwhile.
t.test('a hundred thousand chunks with three replicas take less than 100 bytes each', async t => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const bytes = (): number => {
    collect()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  const chunks = 100_000
  const before = bytes()
  const table = new ReplicaTable()
  for (let id = 1; id <= chunks; id++) {
    for (const server of [1, 2, 3]) table.set(chunkOf(id), replica(server))
  }
  const each = (bytes() - before) / chunks
  t.equal(table.count, 3 * chunks)
  t.comment(`${String(Math.round(each))} bytes`)
  t.ok(each < 100)
})

t.test('it is what plain maps are, whatever comes and goes', async t => {
  const random = new SeededRandom(7)
  const table = new ReplicaTable()
  const model = new Model()
  const servers = [11, 2 ** 40 + 5, 3, 77, 2 ** 52, 6, 9] as ServerId[]
  const states = ['good', 'doubtful', 'corrupt', 'expected'] as const
  // Ids of every size, and many that are equal in their last bits.
  const ids = Array.from({ length: 6_500 }, (_, index) => (
    chunkOf([index + 1, index * 4_096, 2 ** 32 + index, 2 ** 52 + index * 3][index % 4] ?? 0)))
  let removed = 0
  for (let step = 0; step < 120_000; step++) {
    const chunk = random.pick(ids)
    const server = random.pick(servers)
    // First it grows, then it shrinks, then it grows into what has become free.
    if (random.chance(step < 50_000 || step > 90_000 ? 0.2 : 0.8)) {
      const before = model.remove(chunk, server)
      assert.deepEqual(table.remove(chunk, server), before)
      if (before !== undefined) removed++
    } else {
      const added = replica(server, random.below(2 ** 52), random.below(2 ** 30), random.pick(states))
      assert.deepEqual(table.set(chunk, added), model.set(chunk, added))
      assert.deepEqual(table.get(chunk, server), added)
    }
  }
  t.ok(removed > 5_000)
  for (const chunk of ids) assert.deepEqual(table.of(chunk).sort(byServer), model.of(chunk))
  for (const server of servers) {
    t.strictSame([...table.chunksOf(server)].sort(numerically), model.chunksOf(server))
    t.equal(table.countOf(server), model.chunksOf(server).length)
  }
  t.equal(table.count, model.chunks.reduce((sum, chunk) => sum + model.of(chunk).length, 0))
})

t.test('a chunk may have more replicas than a row has room for', async t => {
  const table = new ReplicaTable()
  for (let server = 1; server <= 16; server++) table.set(chunkOf(5), replica(server, server))
  t.strictSame(table.of(chunkOf(5)).map(({ version }) => version).sort(numerically), Array.from({ length: 16 }, (_, at) => at + 1))
  for (let server = 1; server <= 15; server++) table.remove(chunkOf(5), server as ServerId)
  t.strictSame(table.of(chunkOf(5)), [replica(16, 16)])
  t.equal(table.remove(chunkOf(5), 3 as ServerId), undefined)
})

t.test('what a server has all the time comes, while others go and come', async t => {
  const table = new ReplicaTable()
  const server = 1 as ServerId
  for (let id = 0; id < 3_000; id++) table.set(chunkOf(id), replica(1))
  const stays = (id: number): boolean => id % 3 === 0
  const seen = new Set<number>()
  let gone = 0
  for (const chunk of table.chunksOf(server)) {
    seen.add(chunk)
    // One of those behind, and one of those ahead.
    for (const id of [gone, 2_999 - gone]) if (!stays(id)) table.remove(chunkOf(id), server)
    gone++
    if (gone % 10 === 0) table.set(chunkOf(100_000 + gone), replica(1))
  }
  const missed = Array.from({ length: 3_000 }, (_, id) => id).filter(id => stays(id) && !seen.has(id))
  t.strictSame(missed, [])
  t.ok(gone > 1_000 && table.countOf(server) < 2_000, 'others went meanwhile')
})

t.test('what a report has not told of is found', async t => {
  const table = new ReplicaTable()
  const [one, two] = [1 as ServerId, 2 as ServerId]
  for (const id of [1, 2, 3, 4]) for (const server of [one, two]) table.set(chunkOf(id), replica(server))
  table.forgetTold(one)
  for (const id of [2, 4, 99]) table.tell(chunkOf(id), one)
  table.set(chunkOf(4), replica(one, 2, 9, 'corrupt'))
  t.strictSame([...table.untoldOf(one)].sort(numerically), [1, 3])
  table.remove(chunkOf(2), one)
  table.set(chunkOf(2), replica(one))
  t.strictSame([...table.untoldOf(one)].sort(numerically), [1, 2, 3], 'another replica was not told of')
  table.forgetTold(one)
  t.equal([...table.untoldOf(one)].length, 4, 'a report that begins anew counts for itself')
})
