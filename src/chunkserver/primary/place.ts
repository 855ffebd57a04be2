import type { Mutation, PlacedMutation } from '../../protocol/chunks.ts'
import { DfsError } from '../../protocol/errors.ts'

/** A mutation whose place in the chunk is known, and what it does to the chunk's length. */
export interface Placed {
  mutation: PlacedMutation
  offsetBytes: number
  writtenBytes: number
  /** Of the chunk afterwards. */
  lengthBytes: number
}

/**
 * Chooses the place of a mutation in a chunk of this length.
 * @throws DfsError 'chunk-full' an append for which no byte is left, 'invalid'
 */
export function place(
  mutation: Mutation,
  { dataBytes, lengthBytes, chunkSizeBytes }: { dataBytes: number, lengthBytes: number, chunkSizeBytes: number },
): Placed {
  switch (mutation.kind) {
    case 'append': {
      if (dataBytes === 0) throw new DfsError('invalid', 'an append of nothing')
      const writtenBytes = Math.min(dataBytes, chunkSizeBytes - lengthBytes)
      if (writtenBytes <= 0) throw new DfsError('chunk-full', `the chunk has all of its ${chunkSizeBytes} bytes`)
      const extents = [{ offsetBytes: lengthBytes, lengthBytes: writtenBytes }]
      return placed({ kind: 'write', extents }, lengthBytes)
    }
    case 'write': {
      const result = placed(mutation, lengthBytes)
      if (result.writtenBytes !== dataBytes) {
        throw new DfsError('invalid', `extents of ${result.writtenBytes} bytes with ${dataBytes} bytes of data`)
      }
      if (result.lengthBytes > chunkSizeBytes) {
        throw new DfsError('invalid', `a write up to ${result.lengthBytes} in a chunk of ${chunkSizeBytes} bytes`)
      }
      return result
    }
    case 'resize':
      if (mutation.lengthBytes > chunkSizeBytes) {
        throw new DfsError('invalid', `a length of ${mutation.lengthBytes} for a chunk of ${chunkSizeBytes} bytes`)
      }
      return placed(mutation, lengthBytes)
  }
}

/** What a placed mutation does to a chunk of this length. */
export function placed(mutation: PlacedMutation, lengthBytes: number): Placed {
  if (mutation.kind === 'resize') {
    return { mutation, offsetBytes: mutation.lengthBytes, writtenBytes: 0, lengthBytes: mutation.lengthBytes }
  }
  let writtenBytes = 0
  let endBytes = lengthBytes
  for (const extent of mutation.extents) {
    writtenBytes += extent.lengthBytes
    endBytes = Math.max(endBytes, extent.offsetBytes + extent.lengthBytes)
  }
  return { mutation, offsetBytes: mutation.extents[0]?.offsetBytes ?? 0, writtenBytes, lengthBytes: endBytes }
}
