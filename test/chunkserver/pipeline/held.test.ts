import t from 'tap'
import type { PushId } from '../../../src/protocol/identifiers.ts'
import { HeldPushes, type CheckedBytes } from '../../../src/chunkserver/pipeline/held.ts'
import { World } from '../../simulation/world.ts'

const push = (number: number): PushId => number as PushId
const bytes = (data: Buffer): CheckedBytes => ({ data, pieces: [] })
const steps = { stepsMax: 100, what: 'room for a push' }

function heldIn(world: World, bytesMax = 1_000): HeldPushes {
  return new HeldPushes({ clock: world.clock, heldMs: 60_000, roomMs: 1_000, bytesMax, pushesMax: 4 })
}

t.test('held bytes stay within their bound, and one too many is told busy', async t => {
  const world = new World(1)
  const held = heldIn(world)
  await held.hold(push(1), bytes(Buffer.alloc(600)))
  await t.rejects(world.finish(held.hold(push(2), bytes(Buffer.alloc(600))), steps), { code: 'busy' })
  t.equal(held.bytes, 600)
  t.throws(() => held.bytesOf(push(2)), { code: 'push-unknown' })
})

t.test('the number of held pushes is bounded too', async t => {
  const world = new World(1)
  const held = heldIn(world)
  for (let number = 1; number <= 4; number++) await held.hold(push(number), bytes(Buffer.alloc(1)))
  await t.rejects(world.finish(held.hold(push(5), bytes(Buffer.alloc(1))), steps), { code: 'busy' })
})

t.test('a push waits for room that comes free', async t => {
  const world = new World(1)
  const held = heldIn(world)
  await held.hold(push(1), bytes(Buffer.alloc(600)))
  const second = held.hold(push(2), bytes(Buffer.alloc(600, 2)))
  world.clock.after(500, () => { held.applied(push(1)) })
  await world.finish(second, steps)
  t.equal(held.bytesOf(push(2)).data[0], 2)
  t.equal(held.bytes, 600)
})

t.test('bytes nobody comes for are dropped, younger ones stay', async t => {
  const world = new World(1)
  const held = heldIn(world)
  const at = (ms: number): Promise<void> => world.run(() => world.clock.nowMs() >= ms, steps)
  await held.hold(push(1), bytes(Buffer.alloc(10)))
  world.clock.after(30_000, () => {})
  await at(30_000)
  await held.hold(push(2), bytes(Buffer.alloc(10)))
  world.clock.after(31_000, () => {})
  await at(61_000)
  t.equal(held.expire(), 1)
  t.throws(() => held.bytesOf(push(1)), { code: 'push-unknown' })
  t.equal(held.bytesOf(push(2)).data.length, 10)
})

t.test('the same push again takes the place of the first', async t => {
  const world = new World(1)
  const held = heldIn(world)
  await held.hold(push(1), bytes(Buffer.alloc(600, 1)))
  await held.hold(push(1), bytes(Buffer.alloc(700, 2)))
  t.equal(held.bytes, 700)
  t.equal(held.bytesOf(push(1)).data[0], 2)
})
