import t from 'tap'
import { Piece, PieceCache } from '../../../src/client/contents/reader/pieces.ts'
import { payloadMemory } from '../../../src/seams/payloads.ts'
import { systemClock } from '../../../src/seams/clock.ts'

const MiB = 1024 * 1024

/** Whether the next message would be given the memory of these bytes. */
function isFree(bytes: Buffer): boolean {
  return payloadMemory(MiB).buffer === bytes.buffer
}

t.test('the memory of a piece is free when no cache has it and nobody it was lent to', async t => {
  const bytes = payloadMemory(MiB)
  const cache = new PieceCache(systemClock, 8 * MiB)
  const piece = new Piece(MiB, Promise.resolve([bytes]))
  cache.put(1, 0, piece)
  const front = await piece.lend(0, MiB / 2)
  const rest = await piece.lend(MiB / 2, MiB)
  front.giveBack()
  front.giveBack()
  t.notOk(piece.wasRead, 'giving back twice counts once')
  rest.giveBack()
  t.ok(piece.wasRead)
  t.notOk(isFree(bytes), 'the cache may still lend it')
  const late = await piece.lend(0, 10)
  cache.forget(1, 0)
  t.notOk(isFree(bytes), 'somebody still reads it')
  late.giveBack()
  t.ok(isFree(bytes))
})

t.test('what is never given back is never used again', async t => {
  const bytes = payloadMemory(MiB)
  const { parts } = await new Piece(MiB, Promise.resolve([bytes])).lend(0, MiB)
  t.equal(parts[0], bytes)
  t.notOk(isFree(bytes))
})

t.test('a cache that is full lets go of what it has had longest', async t => {
  const cache = new PieceCache(systemClock, 2 * MiB)
  const all = [0, 1, 2].map(() => payloadMemory(MiB))
  for (const [index, bytes] of all.entries()) {
    const piece = new Piece(MiB, Promise.resolve([bytes]))
    cache.put(1, index * MiB, piece)
    const loan = await piece.lend(0, 1)
    loan.giveBack()
  }
  const [oldest] = all
  t.equal(cache.get(1, 0), undefined)
  t.ok(oldest !== undefined && isFree(oldest))
})

t.test('a piece that never came is not kept', async t => {
  const cache = new PieceCache(systemClock, 2 * MiB)
  const piece = new Piece(10, Promise.reject(new Error('no replica')))
  cache.put(1, 0, piece)
  await t.rejects(piece.lend(0, 10), /no replica/)
  t.equal(cache.get(1, 0), undefined)
})
