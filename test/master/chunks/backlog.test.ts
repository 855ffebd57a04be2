import t from 'tap'
import { Backlog } from '../../../src/master/chunks/backlog.ts'
import type { ChunkId, ServerId } from '../../../src/protocol/identifiers.ts'

const chunk = (id: number): ChunkId => id as ChunkId
const server = 7 as ServerId

/** Of ten chunks, the server has the last three. */
function setUp({ swept }: { swept: boolean }): Backlog {
  const backlog = new Backlog({ of: () => [7, 8, 9].map(chunk)[Symbol.iterator](), end: () => 10 })
  if (swept) while (!backlog.swept) backlog.sweep(4)
  return backlog
}

t.test('all there are come, a few at a time, again and again', async t => {
  const backlog = setUp({ swept: false })
  t.strictSame(backlog.sweep(4), [0, 1, 2, 3])
  t.strictSame(backlog.sweep(4), [4, 5, 6, 7])
  t.notOk(backlog.swept)
  t.strictSame(backlog.sweep(4), [8, 9])
  t.ok(backlog.swept && backlog.isAtFirst)
  t.strictSame(backlog.sweep(0), [])
  t.strictSame(backlog.sweep(2), [0, 1])
  t.notOk(backlog.isAtFirst)
})

t.test('what has changed comes once, and what is gone does not', async t => {
  const backlog = setUp({ swept: true })
  for (const id of [3, 1, 3, 5]) backlog.add(chunk(id))
  backlog.remove(chunk(1))
  t.ok(backlog.has(chunk(3)))
  t.strictSame(backlog.take(1), [3])
  t.strictSame(backlog.take(9), [5])
  t.notOk(backlog.has(chunk(3)))
  t.strictSame(backlog.take(9), [])
})

t.test('what comes back while it is taken comes again', async t => {
  const backlog = setUp({ swept: true })
  backlog.add(chunk(1))
  const [taken] = backlog.take(9)
  backlog.add(chunk(taken ?? 0))
  t.strictSame(backlog.take(9), [1])
})

t.test('what the first sweep is still to come to is not kept, what it has passed is', async t => {
  const backlog = setUp({ swept: false })
  backlog.sweep(4)
  for (const id of [2, 8]) backlog.add(chunk(id))
  t.strictSame(backlog.take(9), [2])
  t.ok(backlog.has(chunk(8)), 'all the same it is to be judged')
  t.ok(backlog.sweep(9).includes(chunk(8)))
})

t.test('all chunks of a server come, behind what has changed', async t => {
  const backlog = setUp({ swept: true })
  backlog.addServer(server)
  backlog.add(chunk(2))
  t.strictSame(backlog.take(2), [2, 7])
  t.ok(backlog.hasServers && backlog.has(chunk(1)), 'nobody knows yet which they are')
  t.strictSame(backlog.take(2), [8, 9])
  t.strictSame(backlog.take(2), [])
  t.notOk(backlog.hasServers)
})
