import type { Checksum } from '../../protocol/checksum.ts'
import type { Extent } from '../../protocol/chunks.ts'
import { DfsError } from '../../protocol/errors.ts'

/** One change of a replica: a new length, then bytes. */
export interface Change {
  lengthBytes: number | undefined
  extents: readonly Extent[]
  data: readonly Uint8Array[]
  known: readonly Checksum[] | undefined
}

/** @throws DfsError 'invalid' it does not fit the chunk, or there are too few bytes or too many */
export function checkFits(
  { lengthBytes = 0, extents }: Change, { givenBytes, chunkSizeBytes }: { givenBytes: number, chunkSizeBytes: number },
): void {
  let endBytes = lengthBytes
  let sumBytes = 0
  for (const extent of extents) {
    endBytes = Math.max(endBytes, extent.offsetBytes + extent.lengthBytes)
    sumBytes += extent.lengthBytes
  }
  if (endBytes > chunkSizeBytes) {
    throw new DfsError('invalid', `a change up to byte ${endBytes} does not fit a chunk of ${chunkSizeBytes}`)
  }
  if (sumBytes !== givenBytes) {
    throw new DfsError('invalid', `extents of ${sumBytes} bytes come with ${givenBytes}`)
  }
}

/**
 * The range in which a change may alter bytes or, where the replica grows, the meaning of a block's checksum.
 * @param oldLength of the replica before
 */
export function bytesTouched({ lengthBytes, extents }: Change, oldLength: number): { from: number, to: number } {
  const newLength = lengthBytes ?? oldLength
  let from = Math.min(oldLength, newLength)
  let to = Math.max(oldLength, newLength)
  if (from === to && extents.length > 0) {
    from = Infinity
    to = 0
  }
  for (const extent of extents) {
    from = Math.min(from, extent.offsetBytes, oldLength)
    to = Math.max(to, extent.offsetBytes + extent.lengthBytes)
  }
  return { from, to }
}
