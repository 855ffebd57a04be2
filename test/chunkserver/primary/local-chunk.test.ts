import t from 'tap'
import type { ChunkId, ChunkVersion } from '../../../src/protocol/identifiers.ts'
import { bounds } from '../../../src/chunkserver/config.ts'
import { Lease } from '../../../src/chunkserver/primary/lease.ts'
import { LocalChunks } from '../../../src/chunkserver/primary/local-chunk.ts'
import { World } from '../../simulation/world.ts'
import { origin } from '../servers.ts'

const id = (number: number): ChunkId => number as ChunkId
const one = 1 as ChunkVersion

async function pass(world: World, durationMs: number): Promise<void> {
  const endMs = world.clock.nowMs() + durationMs
  world.clock.after(durationMs, () => {})
  await world.run(() => world.clock.nowMs() >= endMs, { stepsMax: 10, what: 'time passes' })
}

t.test('chunks nobody writes to any more are forgotten, with the leases that ran out long ago', async t => {
  const world = new World(1)
  const chunks = new LocalChunks({ clock: world.clock, waitMs: 1_000 })
  const old = chunks.at(id(1))
  old.beginOrder(one)
  old.lease = new Lease({
    chunk: id(1), version: one, origin, peers: [], leaseMs: 60_000, create: true, lengthBytes: 0, applyMs: 5_000,
  }, world.clock.nowMs())
  await pass(world, bounds.idleChunkMs / 2)
  chunks.at(id(2)).beginOrder(one)
  t.equal(chunks.forgetIdle(), 0)
  await pass(world, bounds.idleChunkMs / 2 + 1)
  t.equal(chunks.forgetIdle(), 1)
  t.ok(old.lease.ended)
  t.notOk(chunks.at(id(1)).hasOrder(one))
  t.ok(chunks.at(id(2)).hasOrder(one))
})

t.test('the chunks in memory are bounded: the one that was idle for longest goes first', t => {
  const world = new World(1)
  const chunks = new LocalChunks({ clock: world.clock, waitMs: 1_000 })
  for (let number = 0; number < bounds.activeChunksMax; number++) chunks.at(id(number))
  chunks.at(id(0)).beginOrder(one)
  chunks.at(id(1)).beginOrder(one)
  chunks.at(id(2)).beginOrder(one)
  const forgotten = Math.ceil(bounds.activeChunksMax / 64)
  for (let number = 3 + forgotten; number < bounds.activeChunksMax; number++) chunks.at(id(bounds.activeChunksMax + number))
  t.ok(chunks.at(id(2)).hasOrder(one), 'one that was used lately is still there')
  for (let number = 0; number < 3 + forgotten; number++) chunks.at(id(3 * bounds.activeChunksMax + number))
  t.notOk(chunks.at(id(0)).hasOrder(one))
  t.end()
})
