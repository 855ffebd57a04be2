import t from 'tap'
import { checksumInPieces, combine } from '../../../src/chunkserver/store/combined-checksum.ts'
import { checksumOf } from '../../../src/protocol/checksum.ts'
import { SeededRandom } from '../../simulation/random.ts'

t.test('checksums of parts combine to the checksum of the whole, wherever it is cut', t => {
  const random = new SeededRandom(1)
  for (const length of [0, 1, 2, 4096, 65_536, 65_537, 300_000]) {
    const data = random.bytes(length)
    for (let round = 0; round < 20; round++) {
      const cut = random.below(length + 1)
      const behind = data.subarray(cut)
      const whole = combine(checksumOf(data.subarray(0, cut)), checksumOf(behind), behind.length)
      t.equal(whole, checksumOf(data), `${String(length)} cut at ${String(cut)}`)
    }
  }
  t.end()
})

t.test('a pass in pieces gives the whole and every full 64 KiB', t => {
  const random = new SeededRandom(2)
  for (const length of [0, 1, 65_535, 65_536, 65_537, 196_608, 200_000]) {
    const data = random.bytes(length)
    const { whole, pieces } = checksumInPieces(data)
    t.equal(whole, checksumOf(data))
    t.strictSame(pieces, Array.from({ length: Math.floor(length / 65_536) },
      (_, piece) => checksumOf(data.subarray(piece * 65_536, (piece + 1) * 65_536))))
  }
  t.end()
})
