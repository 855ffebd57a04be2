import t from 'tap'
import { FreshCache } from '../../../src/client/metadata/fresh-cache.ts'
import { Freshness } from '../../../src/client/metadata/freshness.ts'
import { World } from '../../simulation/world.ts'

const TTL_MS = 100

function cacheIn(world: World): {
  freshness: Freshness, cache: FreshCache<string | number, { value: number }>, pass: (ms: number) => Promise<void>,
} {
  const freshness = new Freshness(world.clock)
  return {
    freshness, cache: new FreshCache(freshness, { ttlMs: TTL_MS, itemsMax: 10 }),
    pass: ms => world.finish(new Promise<void>(resolve => { world.clock.after(ms, resolve) }), { stepsMax: 10, what: 'time' }),
  }
}

t.test('items age by the clock that was passed in, from when they were asked for', async t => {
  const { freshness, cache, pass } = cacheIn(new World(1))
  const mark = cache.mark(freshness.sight())
  await pass(50)
  cache.learn('key', { value: 1 }, mark)
  await pass(40)
  t.same(cache.get('key'), { value: 1 })
  await pass(20)
  t.equal(cache.get('key'), undefined)
  t.same(cache.peek('key'), { value: 1 })
})

t.test('an answer over the same connection makes what is known as fresh as itself', async t => {
  const { freshness, cache, pass } = cacheIn(new World(1))
  cache.learn('key', { value: 1 }, cache.mark(freshness.sight()))
  await pass(1_000)
  t.equal(cache.get('key'), undefined)
  const asked = freshness.sight()
  await pass(50)
  freshness.answered(asked)
  t.same(cache.get('key'), { value: 1 })
  await pass(60)
  t.equal(cache.get('key'), undefined, 'it counts from the question')
})

t.test('where others changed more than can be told, what is known ages', async t => {
  const { freshness, cache, pass } = cacheIn(new World(1))
  freshness.reconnected({ callsSent: 0 })
  cache.learn('key', { value: 1 }, cache.mark(freshness.sight()))
  freshness.lapsed()
  freshness.answered(freshness.sight())
  t.same(cache.get('key'), { value: 1 })
  await pass(TTL_MS)
  freshness.answered(freshness.sight())
  t.equal(cache.get('key'), undefined)
})

t.test('what was learned over another connection ages all the same', async t => {
  const { freshness, cache, pass } = cacheIn(new World(1))
  const before = freshness.sight()
  cache.learn('key', { value: 1 }, cache.mark(before))
  freshness.reconnected({ callsSent: 0 })
  t.same(cache.get('key'), { value: 1 })
  await pass(TTL_MS)
  freshness.answered(freshness.sight())
  t.equal(cache.get('key'), undefined)
  cache.learn('late', { value: 2 }, cache.mark(before))
  t.equal(cache.get('late'), undefined, 'nor does an answer count that was asked for over the old one')
})

t.test('a read that began before a change of the same key teaches nothing; one of another key does', t => {
  const { freshness, cache } = cacheIn(new World(1))
  const mark = cache.mark(freshness.sight())
  cache.change('key', { value: 2 }, mark)
  t.notOk(cache.learn('key', { value: 1 }, mark))
  t.ok(cache.learn('other', { value: 3 }, mark))
  t.same([cache.get('key'), cache.get('other')], [{ value: 2 }, { value: 3 }])
  t.ok(cache.learn('key', { value: 4 }, cache.mark(freshness.sight())), 'a later read does')
  t.end()
})

t.test('where others changed the key while we did, nobody knows what it is', t => {
  const { freshness, cache } = cacheIn(new World(1))
  const connection = { callsSent: 0 }
  freshness.reconnected(connection)
  const first = cache.mark(freshness.sight())
  connection.callsSent++
  const second = cache.mark(freshness.sight())
  connection.callsSent++
  cache.take('key', freshness.positionOf(2))
  t.notOk(cache.learn('key', { value: 1 }, first))
  cache.change('key', { value: 1 }, first)
  t.equal(cache.get('key'), undefined)
  cache.change('key', { value: 2 }, second)
  t.same(cache.get('key'), { value: 2 }, 'what we were told before the master saw our change is older than that')
  t.end()
})

t.test('changes that were forgotten count as changes of everything', t => {
  const { freshness, cache } = cacheIn(new World(1))
  const mark = cache.mark(freshness.sight())
  cache.forget(1)
  for (let key = 2; key < 20_000; key++) cache.forget(key)
  t.notOk(cache.learn(1, { value: 1 }, mark))
  t.ok(cache.learn(1, { value: 1 }, cache.mark(freshness.sight())))
  const between = cache.mark(freshness.sight())
  cache.forgetAll()
  t.equal(cache.get(1), undefined)
  t.notOk(cache.learn(1, { value: 1 }, between))
  t.end()
})
