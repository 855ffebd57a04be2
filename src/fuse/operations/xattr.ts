import { DfsError } from '../../protocol/errors.ts'
import { getxattrOut } from '../kernel/messages.ts'
import type { Reply } from '../operation.ts'

/** A value where it fits; its size where the caller asked with no room at all. */
export function valueReply(value: Uint8Array, roomBytes: number): Reply {
  if (roomBytes === 0) return { parts: [getxattrOut.encode({ size: value.length })] }
  if (value.length > roomBytes) {
    throw new DfsError('range', `${String(value.length)} bytes do not fit in ${String(roomBytes)}`)
  }
  return { parts: [value] }
}
