import fc from 'fast-check'
import t from 'tap'
import { place, surplus, type Place } from '../../../src/master/chunks/placement.ts'
import type { ServerId } from '../../../src/protocol/identifiers.ts'
import { SeededRandom } from '../../simulation/random.ts'

const arbitraryPlace = fc.record({
  rack: fc.integer({ min: 1, max: 4 }), host: fc.integer({ min: 1, max: 3 }),
  freeFraction: fc.double({ min: 0.1, max: 1, noNaN: true }), load: fc.nat(100), recentlyPlaced: fc.nat(20),
})
const places = fc.array(arbitraryPlace, { minLength: 1, maxLength: 12 }).map(list => list.map((each, at): Place => ({
  // A host stands on one rack.
  ...each, id: at as ServerId, rack: `rack-${each.rack}`, host: `host-${each.rack}-${each.host}`,
})))
const count = fc.integer({ min: 1, max: 5 })
const distinct = (chosen: readonly Place[], key: 'rack' | 'host'): number => new Set(chosen.map(each => each[key])).size

t.test('as many servers as asked for, each once, and all there are when they are fewer', async () => {
  fc.assert(fc.property(places, count, fc.nat(), fc.constantFrom('spread', 'hdfs'), (candidates, wanted, seed, policy) => {
    const chosen = place({ count: wanted, candidates, taken: [], policy, random: new SeededRandom(seed) })
    return chosen.length === Math.min(wanted, candidates.length) && new Set(chosen).size === chosen.length
  }))
})

t.test('spread: never two on a rack while others have none', async () => {
  fc.assert(fc.property(places, count, fc.nat(), (candidates, wanted, seed) => {
    const chosen = place({ count: wanted, candidates, taken: [], policy: 'spread', random: new SeededRandom(seed) })
    return distinct(chosen, 'rack') === Math.min(wanted, distinct(candidates, 'rack'))
  }))
})

t.test('never two on a machine while others have none', async () => {
  fc.assert(fc.property(places, count, fc.nat(), fc.constantFrom('spread', 'hdfs'), (candidates, wanted, seed, policy) => {
    const chosen = place({ count: wanted, candidates, taken: [], policy, random: new SeededRandom(seed) })
    return distinct(chosen, 'host') === Math.min(wanted, distinct(candidates, 'host'))
  }))
})

t.test('replicas that are there already count', async () => {
  fc.assert(fc.property(places, fc.nat(), (all, seed) => {
    const [taken, ...candidates] = all
    if (taken === undefined || candidates.length === 0) return true
    const [chosen] = place({ count: 1, candidates, taken: [taken], policy: 'spread', random: new SeededRandom(seed) })
    return chosen?.rack !== taken.rack || candidates.every(({ rack }) => rack === taken.rack)
  }))
})

t.test('the first replica is on the writer\'s machine where that has a server', async () => {
  fc.assert(fc.property(places, count, fc.nat(), (candidates, wanted, seed) => {
    const near = candidates[0]?.host
    const [first] = place({ count: wanted, candidates, taken: [], near, policy: 'spread', random: new SeededRandom(seed) })
    return first?.host === near
  }))
})

t.test('hdfs: two racks for three replicas, whichever rack burns down one is left', async t => {
  const candidates = Array.from({ length: 12 }, (_, at): Place => ({
    id: at as ServerId, rack: `rack-${at % 4}`, host: `host-${at}`, freeFraction: 0.5, load: 0, recentlyPlaced: 0,
  }))
  for (let seed = 0; seed < 50; seed++) {
    const chosen = place({ count: 3, candidates, taken: [], near: 'host-5', policy: 'hdfs', random: new SeededRandom(seed) })
    t.equal(chosen[0]?.host, 'host-5')
    t.equal(chosen[1]?.rack, chosen[2]?.rack)
    t.equal(distinct(chosen, 'rack'), 2)
  }
})

t.test('emptier and idler servers get more', async t => {
  const server = (id: number, freeFraction: number, load: number): Place =>
    ({ id: id as ServerId, rack: 'r', host: `h${id}`, freeFraction, load, recentlyPlaced: 0 })
  const candidates = [server(0, 0.9, 0), server(1, 0.2, 0), server(2, 0.9, 100)]
  const random = new SeededRandom(4)
  const hits = [0, 0, 0]
  for (let turn = 0; turn < 2_000; turn++) {
    const id = place({ count: 1, candidates, taken: [], policy: 'spread', random })[0]?.id ?? 0
    hits[id] = (hits[id] ?? 0) + 1
  }
  const [best = 0, full = 0, busy = 0] = hits
  t.ok(best > 2 * full && best > 2 * busy, hits.join())
  t.ok(full > 0 && busy > 0, 'but nobody is left out')
})

t.test('of too many replicas the one goes that shares most, then the one on the fullest disk', async t => {
  const at = (id: number, rack: string, host: string, freeFraction: number): Place =>
    ({ id: id as ServerId, rack, host, freeFraction, load: 0, recentlyPlaced: 0 })
  const shared = [at(1, 'a', 'x', 0.1), at(2, 'b', 'y', 0.9), at(3, 'b', 'z', 0.8)]
  t.equal(surplus(shared)?.id, 3)
  t.equal(surplus([at(1, 'a', 'x', 0.5), at(2, 'b', 'y', 0.4), at(3, 'c', 'z', 0.6)])?.id, 2)
  t.equal(surplus<Place>([]), undefined)
})
