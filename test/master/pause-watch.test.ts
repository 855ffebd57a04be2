import t from 'tap'
import { PauseWatch } from '../../src/master/pause-watch.ts'
import type { Log } from '../../src/seams/log.ts'
import { eventLoopPauses } from '../../src/seams/pauses.ts'
import { silentLog } from '../../src/seams/log.ts'

t.test('a long pause is logged once, short ones are not; the longest stays known', async t => {
  const pauses = [3, 80, 10]
  const logged: unknown[] = []
  const log: Log = { ...silentLog, warn: (facts: unknown) => { logged.push(facts) } }
  const watch = new PauseWatch({ pauses: { take: () => pauses.shift() ?? 0 }, log })
  watch.step()
  t.strictSame(logged, [])
  watch.step()
  watch.step()
  watch.step()
  t.strictSame(logged, [{ pauseMs: 80 }])
  t.equal(watch.longestMs, 80)
})

t.test('what happened since the last look counts too', async t => {
  const watch = new PauseWatch({ pauses: { take: () => 12 }, log: silentLog })
  t.equal(watch.longestMs, 12, 'nobody has looked before')
})

t.test('the real event loop: a busy time is seen once it is over, and only once', async t => {
  const pauses = eventLoopPauses()
  const turn = (): Promise<void> => new Promise(resolve => { setTimeout(resolve, 20) })
  await turn()
  pauses.take()
  const untilMs = performance.now() + 120
  while (performance.now() < untilMs) { /* busy */ }
  await turn()
  t.ok(pauses.take() >= 100)
  t.ok(pauses.take() < 100, 'taken')
})
