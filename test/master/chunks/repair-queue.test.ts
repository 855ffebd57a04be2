import t from 'tap'
import type { Need } from '../../../src/master/chunks/need.ts'
import { RepairQueue } from '../../../src/master/chunks/repair-queue.ts'
import type { ChunkId } from '../../../src/protocol/identifiers.ts'

const copies = (good: number): Need => ({ kind: 'copies', good, missing: 1 })
const id = (chunk: number): ChunkId => chunk as ChunkId
const all = { triesMax: 1_000 }

t.test('the most endangered first, then those that have waited longest', async t => {
  const queue = new RepairQueue()
  const needs: Need[] = [
    { kind: 'spread', good: 3 }, { kind: 'surplus', good: 4 }, copies(2), copies(1), { kind: 'move', good: 3 },
    { kind: 'lost' }, { kind: 'doubtful' }, copies(2),
  ]
  for (const [at, need] of needs.entries()) queue.put(id(at), need, 0)
  t.strictSame(queue.begin(all, () => 'begun'), [6, 3, 2, 7, 1, 4, 0], 'and what is lost waits for its servers')
})

t.test('a chunk that gets into danger passes the others', async t => {
  const queue = new RepairQueue()
  queue.put(id(1), copies(2), 0)
  queue.put(id(2), copies(2), 0)
  queue.put(id(2), copies(1), 5)
  t.equal(queue.get(id(2))?.sinceMs, 0)
  t.strictSame(queue.begin(all, () => 'begun'), [2, 1])
})

t.test('who is busy lets others try first, and comes again', async t => {
  const queue = new RepairQueue()
  for (const chunk of [1, 2, 3]) queue.put(id(chunk), copies(2), 0)
  t.strictSame(queue.begin({ triesMax: 1 }, () => 'busy'), [])
  t.strictSame(queue.begin(all, () => 'begun'), [2, 3, 1])
})

t.test('what was begun comes back when it is due, and not after it was removed', async t => {
  const queue = new RepairQueue()
  queue.put(id(1), copies(2), 0)
  queue.put(id(2), copies(2), 0)
  queue.begin(all, () => 'begun')
  queue.put(id(1), copies(1), 1)
  t.strictSame(queue.begin(all, () => 'begun'), [], 'out of turn while it is being helped')
  const needy = queue.get(id(1))
  if (needy === undefined) throw new Error('it is still in need')
  needy.dueMs = 100
  queue.comeBack(id(1))
  queue.comeBack(id(2))
  queue.remove(id(2))
  queue.wake(99)
  t.strictSame(queue.begin(all, () => 'begun'), [])
  queue.wake(100)
  t.strictSame(queue.begin(all, () => 'begun'), [1])
})
