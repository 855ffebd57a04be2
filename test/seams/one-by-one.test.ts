import t from 'tap'
import { systemClock } from '../../src/seams/clock.ts'
import { OneByOne } from '../../src/seams/one-by-one.ts'

const busy = (ms: number): void => {
  const untilMs = performance.now() + ms
  while (performance.now() < untilMs) { /* busy */ }
}

t.test('work that comes all at once leaves turns to others, and keeps its order', async t => {
  const line = new OneByOne(systemClock)
  const done: number[] = []
  let others = 0
  const timer = setInterval(() => { if (done.length > 0 && done.length < 20) others++ }, 0)
  const results = await Promise.all(Array.from({ length: 20 }, (_, index) => line.run(() => {
    busy(5)
    done.push(index)
    return index
  })))
  clearInterval(timer)
  t.strictSame(results, done)
  t.strictSame(done, Array.from({ length: 20 }, (_, index) => index))
  t.ok(others >= 5, `others had ${String(others)} turns`)
})

t.test('work that fails tells who asked for it, and holds up nobody', async t => {
  const line = new OneByOne(systemClock)
  const failing = line.run(() => { throw new Error('no') })
  const other = line.run(() => 7)
  await t.rejects(failing, { message: 'no' })
  t.equal(await other, 7)
})
