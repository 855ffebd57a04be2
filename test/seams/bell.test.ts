import t from 'tap'
import { Bell } from '../../src/seams/bell.ts'
import type { Clock } from '../../src/seams/clock.ts'

/** Time passes when the test says so. */
class ManualClock implements Clock {
  readonly #due = new Set<() => void>()

  get timers(): number {
    return this.#due.size
  }

  nowMs(): number {
    return 0
  }

  wallNs(): bigint {
    return 0n
  }

  after(_delayMs: number, run: () => void): { cancel(): void } {
    this.#due.add(run)
    return { cancel: () => { this.#due.delete(run) } }
  }

  pass(): void {
    for (const run of this.#due) run()
  }
}

t.test('waiting ends when its time is over, or when the bell rings, and leaves no timer', async t => {
  const clock = new ManualClock()
  const bell = new Bell()
  const overslept = bell.wait(clock, 1_000)
  clock.pass()
  await overslept
  t.notOk(bell.ringing)
  const woken = bell.wait(clock, 1_000)
  bell.ring()
  bell.ring()
  await woken
  t.ok(bell.ringing)
  t.equal(clock.timers, 0)
})

t.test('nobody misses a bell that rang before he waited, until it is silenced', async t => {
  const clock = new ManualClock()
  const bell = new Bell()
  bell.ring()
  await bell.wait(clock, 1_000)
  await bell.wait(clock, 1_000)
  t.equal(clock.timers, 0)
  bell.silence()
  void bell.wait(clock, 1_000)
  t.equal(clock.timers, 1)
})
