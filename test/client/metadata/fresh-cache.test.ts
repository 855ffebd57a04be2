import t from 'tap'
import { FreshCache } from '../../../src/client/metadata/fresh-cache.ts'
import { World } from '../../simulation/world.ts'

t.test('items age by the clock that was passed in', async t => {
  const world = new World(1)
  const cache = new FreshCache<string, { value: number }>(world.clock, { ttlMs: 100, itemsMax: 10 })
  cache.learn('key', { value: 1 }, cache.mark())
  const pass = (ms: number): Promise<void> =>
    world.finish(new Promise<void>(resolve => { world.clock.after(ms, resolve) }), { stepsMax: 10, what: 'time' })
  await pass(90)
  t.same(cache.get('key'), { value: 1 })
  await pass(20)
  t.equal(cache.get('key'), undefined)
})

t.test('a read that began before a change of the same key teaches nothing; one of another key does', t => {
  const cache = new FreshCache<string, { value: number }>(new World(1).clock, { ttlMs: 100, itemsMax: 10 })
  const mark = cache.mark()
  cache.change('key', { value: 2 })
  t.notOk(cache.learn('key', { value: 1 }, mark))
  t.ok(cache.learn('other', { value: 3 }, mark))
  t.same([cache.get('key'), cache.get('other')], [{ value: 2 }, { value: 3 }])
  t.ok(cache.learn('key', { value: 4 }, cache.mark()), 'a later read does')
  t.end()
})

t.test('changes that were forgotten count as changes of everything', t => {
  const cache = new FreshCache<number, { value: number }>(new World(1).clock, { ttlMs: 100, itemsMax: 10 })
  const mark = cache.mark()
  cache.change(1)
  for (let key = 2; key < 20_000; key++) cache.change(key)
  t.notOk(cache.learn(1, { value: 1 }, mark))
  t.ok(cache.learn(1, { value: 1 }, cache.mark()))
  t.end()
})
