import t from 'tap'
import { giversIn, takerFor } from '../../../src/master/balance/moves.ts'
import { leftBytes, meanShare, shareOf, type Holder } from '../../../src/master/balance/shares.ts'
import { groundsOf } from '../../../src/master/chunks/placement.ts'
import type { ServerId } from '../../../src/protocol/identifiers.ts'
import { SeededRandom } from '../../simulation/random.ts'

const TOTAL = 1_000

function holder(id: number, usedBytes: number, { rack = `rack-${id}`, host = `host-${id}`, totalBytes = TOTAL } = {}): Holder {
  return {
    id: id as ServerId, rack, host, totalBytes, usedBytes, freeFraction: 1 - usedBytes / totalBytes, load: 0, recentlyPlaced: 0,
  }
}

function aimOf(holders: readonly Holder[], threshold = 0.1) {
  return { mean: meanShare(holders), threshold }
}

t.test('the mean weighs servers by their size', async t => {
  t.equal(meanShare([holder(1, 900), holder(2, 0, { totalBytes: 2_000 })]), 0.3)
  t.equal(meanShare([]), 0)
})

t.test('servers within the threshold give nothing', async t => {
  t.strictSame(giversIn([holder(1, 550), holder(2, 450)], 0.1), [])
  t.equal(leftBytes([holder(1, 550), holder(2, 450)], 0.1), 0)
})

t.test('the fullest gives first; all above the mean give where one server is too empty', async t => {
  const [a, b, c, d] = [holder(1, 560), holder(2, 580), holder(3, 550), holder(4, 50)]
  t.strictSame(giversIn([a, b, c, d], 0.2).map(({ id }) => id), [2, 1, 3])
  t.strictSame(giversIn([holder(1, 900), holder(2, 520), holder(3, 480), holder(4, 450)], 0.2).map(({ id }) => id), [1],
    'none is too empty, so only who is too full gives')
})

t.test('what is left to move is what lies beyond the threshold', async t => {
  t.equal(leftBytes([holder(1, 800), holder(2, 200)], 0.1), 200)
  t.equal(leftBytes([holder(1, 600), holder(2, 600), holder(3, 600), holder(4, 200)], 0.1), 200, 'by the emptiest alone')
})

t.test('a replica goes to the emptiest server that has none of its chunk', async t => {
  const all = [holder(1, 900), holder(2, 100), holder(3, 200)]
  const [giver, emptiest, next] = all
  if (giver === undefined || emptiest === undefined || next === undefined) throw new Error('three')
  t.equal(takerFor(giver, { lengthBytes: 10, held: [giver] }, all, aimOf(all)), emptiest)
  t.equal(takerFor(giver, { lengthBytes: 10, held: [giver, emptiest] }, all, aimOf(all)), next)
  t.equal(takerFor(giver, { lengthBytes: 10, held: all }, all, aimOf(all)), undefined)
})

t.test('a move lessens the difference', async t => {
  const all = [holder(1, 600), holder(2, 300)]
  const [giver, taker] = all
  if (giver === undefined || taker === undefined) throw new Error('two')
  t.equal(takerFor(giver, { lengthBytes: 150, held: [giver] }, all, aimOf(all)), taker)
  t.equal(takerFor(giver, { lengthBytes: 300, held: [giver] }, all, aimOf(all)), undefined, 'they would only change places')
  t.equal(takerFor(giver, { lengthBytes: 0, held: [giver] }, all, aimOf(all)), undefined, 'an empty one frees nothing')
})

t.test('replicas never come nearer to each other, by rack or by machine', async t => {
  const giver = holder(1, 900, { rack: 'a' })
  const peer = holder(2, 500, { rack: 'b' })
  const sameRack = holder(3, 100, { rack: 'b' })
  const sameHost = holder(4, 100, { rack: 'c', host: 'host-2' })
  const movable = { lengthBytes: 10, held: [giver, peer] }
  const all = [giver, peer, sameRack, sameHost]
  t.equal(takerFor(giver, movable, all, aimOf(all)), undefined)
  const better = holder(5, 300, { rack: 'a' })
  t.equal(takerFor(giver, movable, [...all, better], aimOf([...all, better])), better)
})

t.test('from any beginning it ends, every move makes shares more alike, and no chunk stands less spread', async t => {
  let ended = 0
  for (let seed = 1; seed <= 60; seed++) {
    const random = new SeededRandom(seed)
    const servers = new Map<ServerId, Holder>()
    for (let id = 1; id <= 4 + random.below(6); id++) {
      const totalBytes = 500 + random.below(1_500)
      servers.set(id as ServerId, holder(id, 0, { totalBytes, rack: `rack-${random.below(4)}`, host: `host-${random.below(7)}` }))
    }
    const use = (id: ServerId, bytes: number): void => {
      const found = servers.get(id)
      if (found !== undefined) servers.set(id, { ...found, usedBytes: found.usedBytes + bytes })
    }
    const at = (ids: readonly ServerId[]): Holder[] => ids.flatMap(id => servers.get(id) ?? [])
    const crowded = [...servers.keys()].slice(0, 3 + random.below(2))
    const chunks = Array.from({ length: 60 }, () => {
      const lengthBytes = 1 + random.below(20)
      const ids = [...crowded].sort(() => random.fraction() - 0.5).slice(0, 2)
      for (const id of ids) use(id, lengthBytes)
      return { lengthBytes, ids }
    })
    const spread = (ids: readonly ServerId[]) => {
      const { racks, hosts } = groundsOf(at(ids))
      return { racks: racks.size, hosts: hosts.size }
    }
    const unevenness = (): number => {
      const all = [...servers.values()]
      return all.reduce((sum, each) => sum + each.totalBytes * (shareOf(each) - meanShare(all)) ** 2, 0)
    }
    const nextMove = () => {
      const all = [...servers.values()]
      for (const giver of giversIn(all, 0.05)) {
        for (const chunk of chunks) {
          if (!chunk.ids.includes(giver.id)) continue
          const taker = takerFor(giver, { lengthBytes: chunk.lengthBytes, held: at(chunk.ids) }, all, aimOf(all, 0.05))
          if (taker !== undefined) return { giver, taker, chunk }
        }
      }
      return undefined
    }
    let moves = 0
    for (let move = nextMove(); move !== undefined; move = nextMove()) {
      const { giver, taker, chunk } = move
      const before = { unevenness: unevenness(), spread: spread(chunk.ids) }
      use(giver.id, -chunk.lengthBytes)
      use(taker.id, chunk.lengthBytes)
      chunk.ids = [...chunk.ids.filter(id => id !== giver.id), taker.id]
      const after = spread(chunk.ids)
      if (unevenness() >= before.unevenness) t.fail(`seed ${seed}: a move made it worse`)
      if (after.racks < before.spread.racks || after.hosts < before.spread.hosts) t.fail(`seed ${seed}: a move lost spread`)
      if (++moves > 1_000) throw new Error(`seed ${seed}: it does not end`)
    }
    if (moves > 0 && leftBytes([...servers.values()], 0.05) === 0) ended++
  }
  t.ok(ended > 10, `most of them end balanced: ${ended}`)
})
