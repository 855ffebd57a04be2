import fc from 'fast-check'
import t from 'tap'
import type { Replica } from '../../../src/master/replicas/replica.ts'
import { assess, priorityOf } from '../../../src/master/chunks/need.ts'
import type { ChunkVersion, ServerId } from '../../../src/protocol/identifiers.ts'

const current = 10 as ChunkVersion
const replica = (server: number, state: Replica['state'] = 'good', version = 10): Replica =>
  ({ server: server as ServerId, state, version: version as ChunkVersion, lengthBytes: 1 })
const judge = (
  replicas: Replica[], dead: number[] = [], isBlank = false, away: number[] = [], leaving: number[] = [], couldSpread = false,
) => assess(replicas, current, {
  wanted: 3, isBlank,
  judges: {
    isAlive: ({ server }) => !dead.includes(server),
    inReach: ({ server }) => !dead.includes(server) && !away.includes(server),
    isLeaving: ({ server }) => leaving.includes(server),
    couldSpread: () => couldSpread,
  },
})

t.test('enough good replicas need nothing', async t => {
  t.strictSame(judge([replica(1), replica(2), replica(3)]), { need: undefined, useless: [] })
})

t.test('dead, corrupt, stale and doubtful ones do not count', async t => {
  t.strictSame(judge([replica(1), replica(2), replica(3)], [3]).need, { kind: 'copies', good: 2, missing: 1 })
  t.strictSame(judge([replica(1), replica(2, 'corrupt'), replica(3, 'good', 9)]).need, { kind: 'copies', good: 1, missing: 2 })
  t.strictSame(judge([replica(1), replica(2, 'doubtful')]).need, { kind: 'copies', good: 1, missing: 2 })
})

t.test('a version later than recorded counts', async t => {
  t.strictSame(judge([replica(1), replica(2), replica(3, 'good', 11)]).need, { kind: 'uneven' }, 'but the others lack it')
  t.match(judge([replica(3, 'good', 11)]).need, { kind: 'copies' }, 'the only one is copied first')
  t.equal(judge([replica(1), replica(2), replica(3, 'good', 11)], [], false, [1]).need, undefined, 'all of them together, or later')
})

t.test('no usable one is a loss, unless nothing was ever written', async t => {
  t.strictSame(judge([replica(1, 'corrupt'), replica(2, 'good', 9)]).need, { kind: 'lost' })
  t.equal(judge([], [], true).need, undefined)
  t.strictSame(judge([]).need, { kind: 'lost' })
})

t.test('only doubtful ones left: they have to do', async t => {
  t.strictSame(judge([replica(1, 'doubtful'), replica(2, 'doubtful')]).need, { kind: 'doubtful' })
})

t.test('nothing is given up for a good one that is out of reach: it may never come back', async t => {
  const three = [replica(1), replica(2, 'doubtful'), replica(3, 'corrupt')]
  t.equal(judge(three).useless.length, 2)
  t.strictSame(judge(three, [], false, [1]).useless, [])
})

t.test('one on a server that is being drained counts until another is there', async t => {
  t.strictSame(judge([replica(1), replica(2), replica(3)], [], false, [], [3]).need, { kind: 'move', good: 3 })
  t.strictSame(judge([replica(1), replica(3)], [], false, [], [3]).need, { kind: 'copies', good: 2, missing: 1 })
  t.strictSame(judge([1, 2, 3, 4].map(id => replica(id)), [], false, [], [3]).need, { kind: 'surplus', good: 4 })
})

t.test('only chunks that lack nothing else are spread', async t => {
  t.strictSame(judge([replica(1), replica(2), replica(3)], [], false, [], [], true).need, { kind: 'spread', good: 3 })
  t.match(judge([replica(1), replica(2)], [], false, [], [], true).need, { kind: 'copies' })
})

t.test('a first lease needs no help before its replicas are reported', async t => {
  t.equal(judge([replica(1, 'expected')]).need, undefined)
})

t.test('the last replica that might be read is never useless', async () => {
  const any = fc.record({
    state: fc.constantFrom<Replica['state']>('good', 'doubtful', 'corrupt'),
    version: fc.integer({ min: 8, max: 11 }), dead: fc.boolean(),
  })
  fc.assert(fc.property(fc.array(any, { maxLength: 6 }), list => {
    const replicas = list.map(({ state, version }, at) => replica(at, state, version))
    const { useless } = judge(replicas, list.flatMap(({ dead }, at) => dead ? [at] : []))
    const left = replicas.filter((each, at) => !useless.includes(each) && list[at]?.dead === false)
    return useless.length === 0 || left.some(({ state, version }) => state === 'good' && version >= current)
  }))
})

t.test('the fewer good replicas, the sooner the help', async t => {
  const one = judge([replica(1)]).need
  const two = judge([replica(1), replica(2)]).need
  const four = judge([replica(1), replica(2), replica(3), replica(4)]).need
  if (one === undefined || two === undefined || four === undefined) throw new Error('all need something')
  t.ok(priorityOf(one) < priorityOf(two) && priorityOf(two) < priorityOf(four))
})
