import t from 'tap'
import { PauseWatch } from '../../src/master/pause-watch.ts'
import type { Log } from '../../src/seams/log.ts'
import { eventLoopPauses } from '../../src/seams/pauses.ts'
import { silentLog } from '../../src/seams/log.ts'

t.test('a long pause is logged once, short ones and what was before are not; the longest stays known', async t => {
  const pauses = [500, 3, 80, 10]
  const logged: unknown[] = []
  const log: Log = { ...silentLog, warn: (facts: unknown) => { logged.push(facts) } }
  const watch = new PauseWatch({ pauses: { take: () => ({ pauseMs: pauses.shift() ?? 0, workMs: 2 }) }, log })
  watch.step()
  t.strictSame(logged, [])
  watch.step()
  watch.step()
  watch.step()
  t.strictSame(logged, [{ pauseMs: 80, workMs: 2 }])
  t.strictSame(watch.longest, { pauseMs: 80, workMs: 2 })
})

t.test('what happened since the last look counts too', async t => {
  const watch = new PauseWatch({ pauses: { take: () => ({ pauseMs: 12, workMs: 7 }) }, log: silentLog })
  t.strictSame(watch.longest, { pauseMs: 12, workMs: 7 }, 'nobody has looked meanwhile')
})

t.test('the real event loop: a busy time is seen once it is over, and only once', async t => {
  const pauses = eventLoopPauses()
  const turn = (): Promise<void> => new Promise(resolve => { setTimeout(resolve, 20) })
  await turn()
  pauses.take()
  const before = process.threadCpuUsage()
  // Its own time: the machine may have others to serve.
  while (process.threadCpuUsage(before).user < 120_000) { /* busy */ }
  await turn()
  const { pauseMs, workMs } = pauses.take()
  t.ok(workMs >= 100 && pauseMs >= workMs - 20, `paused for ${String(pauseMs)} ms, at work for ${String(workMs)} ms`)
  t.ok(pauses.take().workMs < 100, 'taken')
})
