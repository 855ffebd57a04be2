import t from 'tap'
import { DfsError } from '../../../src/protocol/errors.ts'
import { InOrder } from '../../../src/chunkserver/primary/in-order.ts'
import { World } from '../../simulation/world.ts'

const steps = { stepsMax: 1_000, what: 'work in order' }

t.test('work runs in the order of its numbers, whatever order it arrives in', async t => {
  for (let seed = 1; seed <= 50; seed++) {
    const world = new World(seed)
    const order = new InOrder({ clock: world.clock, waitMs: 5_000 })
    const numbers = Array.from({ length: 20 }, (_, index) => index + 1)
    const arrivals = numbers.map(number => ({ number, atMs: world.random.below(1_000) }))
    const ran: number[] = []
    let running = 0
    const all = arrivals.map(({ number, atMs }) => new Promise<void>((resolve, reject) => {
      world.clock.after(atMs, () => {
        order.run(number, async () => {
          if (++running > 1) throw new Error('two at once')
          await new Promise<void>(done => { world.clock.after(world.random.below(50), done) })
          running--
          ran.push(number)
        }).then(resolve, reject)
      })
    }))
    await world.finish(Promise.all(all), steps)
    t.strictSame(ran, numbers, `seed ${seed}`)
  }
})

t.test('work that waits for a number that never comes is refused in time', async t => {
  const world = new World(1)
  const order = new InOrder({ clock: world.clock, waitMs: 5_000 })
  const waiting = order.run(2, () => t.fail('ran over a gap'))
  await t.rejects(world.finish(waiting, steps), { code: 'deadline-passed' })
  t.ok(world.clock.nowMs() < 6_000)
})

t.test('work that waits behind a slow piece is not refused', async t => {
  const world = new World(1)
  const order = new InOrder({ clock: world.clock, waitMs: 5_000 })
  const slow = order.run(1, () => new Promise<void>(resolve => { world.clock.after(20_000, resolve) }))
  const behind = order.run(2, () => 'ran')
  await world.finish(slow, steps)
  t.equal(await world.finish(behind, steps), 'ran')
})

t.test('nothing runs behind a piece that failed', async t => {
  const world = new World(1)
  const order = new InOrder({ clock: world.clock, waitMs: 5_000 })
  const second = order.run(2, () => t.fail('ran behind a failure'))
  const first = order.run(1, () => Promise.reject(new DfsError('disk-failed', 'no more')))
  await t.rejects(first, { code: 'disk-failed' })
  await t.rejects(second, { code: 'replica-failed' })
  await t.rejects(order.run(3, () => t.fail('ran behind a failure')), { code: 'replica-failed' })
})

t.test('a number works once', async t => {
  const world = new World(1)
  const order = new InOrder({ clock: world.clock, waitMs: 5_000 })
  await order.run(1, () => {})
  await t.rejects(order.run(1, () => t.fail('ran twice')), { code: 'invalid' })
})

t.test('an end waits for what runs and refuses the rest', async t => {
  const world = new World(1)
  const order = new InOrder({ clock: world.clock, waitMs: 5_000 })
  let done = false
  const running = order.run(1, () => new Promise<void>(resolve => {
    world.clock.after(100, () => {
      done = true
      resolve()
    })
  }))
  const waiting = order.run(2, () => t.fail('ran after the end'))
  const ended = order.end(new DfsError('lease-lost', 'fenced'))
  await t.rejects(waiting, { code: 'lease-lost' })
  t.notOk(done)
  await world.finish(ended, steps)
  t.ok(done)
  await running
})
