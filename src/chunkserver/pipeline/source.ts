import { checksumOf } from '../../protocol/checksum.ts'
import type { Source } from '../../protocol/chunks.ts'
import { DfsError } from '../../protocol/errors.ts'
import type { HeldPushes } from './held.ts'

const EMPTY = Buffer.alloc(0)

/**
 * The bytes of a mutation, checked: those of a push were when it came, those beside the message are now.
 * @throws DfsError 'push-unknown', 'bad-message' (damaged on the way)
 */
export function bytesFrom(source: Source, payload: Buffer, held: HeldPushes): Buffer {
  switch (source.from) {
    case 'push': return held.bytesOf(source.push)
    case 'payload':
      if (checksumOf(payload) !== source.checksum) {
        throw new DfsError('bad-message', 'the bytes do not match their checksum: damaged on the way')
      }
      return payload
    case 'nothing': return EMPTY
  }
}
