import t from 'tap'
import { eachInTurns, takeTurns } from '../../src/seams/background.ts'
import { systemClock, type Clock } from '../../src/seams/clock.ts'

t.test('long work leaves turns to others', async t => {
  const items = Array.from({ length: 1_000 }, (_, index) => index)
  const done: number[] = []
  let others = 0
  const timer = setInterval(() => { if (done.length > 0 && done.length < items.length) others++ }, 0)
  await eachInTurns(systemClock, items, 100, item => { done.push(item) })
  clearInterval(timer)
  t.strictSame(done, items)
  t.ok(others >= 3, `others had ${String(others)} turns`)
})

t.test('what fits into one slice is done at once', async t => {
  let done = 0
  const working = eachInTurns(systemClock, [1, 2, 3], 100, () => { done++ })
  t.equal(done, 3)
  await working
})

t.test('others get as much time as each slice has taken', async t => {
  let nowMs = 0
  const pauses: number[] = []
  const clock: Clock = {
    nowMs: () => nowMs,
    wallNs: () => 0n,
    after: (delayMs, run) => {
      pauses.push(delayMs)
      nowMs += delayMs
      queueMicrotask(run)
      return { cancel: () => {} }
    },
  }
  const slices = [5, 0, 12]
  await takeTurns(clock, () => {
    nowMs += slices.shift() ?? 0
    return slices.length > 0
  })
  t.strictSame(pauses, [5, 1])
})

t.test('a slice that fails ends the work, and its fault comes to who waits', async t => {
  await t.rejects(eachInTurns(systemClock, [1, 2], 1, () => { throw new Error('no') }), { message: 'no' })
})
