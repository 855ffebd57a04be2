import type { Source } from '../../protocol/chunks.ts'
import { DfsError } from '../../protocol/errors.ts'
import { checksumInPieces } from '../store/combined-checksum.ts'
import type { CheckedBytes, HeldPushes } from './held.ts'

const EMPTY: CheckedBytes = { data: Buffer.alloc(0), pieces: [] }

/**
 * The bytes of a mutation, checked: those of a push were when it came, those beside the message are now.
 * @throws DfsError 'push-unknown', 'bad-message' (damaged on the way)
 */
export function bytesFrom(source: Source, payload: Buffer, held: HeldPushes): CheckedBytes {
  switch (source.from) {
    case 'push': return held.bytesOf(source.push)
    case 'payload': {
      const { whole, pieces } = checksumInPieces(payload)
      if (whole !== source.checksum) {
        throw new DfsError('bad-message', 'the bytes do not match their checksum: damaged on the way')
      }
      return { data: payload, pieces }
    }
    case 'nothing': return EMPTY
  }
}
