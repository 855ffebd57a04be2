import { checksumOf, type Checksum } from '../../protocol/checksum.ts'
import { limits } from '../../protocol/limits.ts'
import { cutShort, INLINE_BYTES_MAX, overwritten, type Extended } from './blocks.ts'
import { blocksIn, validBytes } from './table.ts'

const BLOCK = limits.blockBytes

/** Bytes in memory, in as many buffers as they came in. */
export class Pieces {
  readonly #buffers: readonly Uint8Array[]
  readonly lengthBytes: number

  constructor(buffers: readonly Uint8Array[]) {
    this.#buffers = buffers
    this.lengthBytes = buffers.reduce((sum, buffer) => sum + buffer.length, 0)
  }

  slice(from: number, to: number): Uint8Array[] {
    const slices: Uint8Array[] = []
    for (const buffer of this.#buffers) {
      if (to <= 0) break
      if (from < buffer.length) slices.push(buffer.subarray(Math.max(from, 0), Math.min(to, buffer.length)))
      from -= buffer.length
      to -= buffer.length
    }
    return slices
  }

  checksum(from: number, to: number, before: Checksum): Checksum {
    return this.slice(from, to).reduce<Checksum>((checksum, slice) => checksumOf(slice, checksum), before)
  }
}

/** Where the bytes of one extent are, and where they go. */
export interface PlacedExtent {
  offsetBytes: number
  lengthBytes: number
  source: Pieces
  /** Where in the source they begin. */
  sourceFrom: number
  /** Checksums of the source's whole blocks' worths of bytes, counted from its start, if the caller has them. */
  known: readonly Checksum[] | undefined
}

/**
 * Writes one extent and puts the new checksums into the table in memory. A gap in front of it reads as zeros.
 * @throws DfsError 'corrupt' a block of which only a part is overwritten is rotten: nothing was written. DiskError
 */
export async function writeExtent(replica: Extended, extent: PlacedExtent): Promise<void> {
  const { data, table, lengthBytes: oldLength } = replica
  const { offsetBytes, source, sourceFrom } = extent
  const end = offsetBytes + extent.lengthBytes
  if (end === offsetBytes) return
  // 1. Blocks that keep some of their bytes, at most two, are checked before anything changes, so that rot in them
  //    never gets a valid checksum.
  const firstBlock = Math.floor(offsetBytes / BLOCK)
  const lastBlock = blocksIn(end) - 1
  const first = keepsBytes(extent, oldLength, firstBlock) ? merged(replica, extent, firstBlock) : undefined
  const last = lastBlock !== firstBlock && keepsBytes(extent, oldLength, lastBlock)
    ? merged(replica, extent, lastBlock)
    : undefined
  // 2. The bytes; a large write runs on another thread, while this one computes checksums.
  const buffers = source.slice(sourceFrom, sourceFrom + extent.lengthBytes)
  let writing: Promise<void> | undefined
  if (extent.lengthBytes > INLINE_BYTES_MAX) writing = data.write(buffers, offsetBytes)
  else writeNow(replica, buffers, offsetBytes)
  // 3. The checksums.
  if (offsetBytes > oldLength) table.growWithZeros(oldLength, offsetBytes)
  const had = Math.max(oldLength, offsetBytes)
  for (let block = firstBlock; block <= lastBlock; block++) {
    const kept = block === firstBlock ? first : block === lastBlock ? last : undefined
    table.set(block, kept ?? appended(table.get(block), extent, block, had))
  }
  await writing
}

function writeNow({ data }: Extended, buffers: Uint8Array[], offsetBytes: number): void {
  for (const buffer of buffers) {
    data.writeNow(buffer, offsetBytes)
    offsetBytes += buffer.length
  }
}

/** Whether a block has bytes in front of or behind the extent that an append would not keep by itself. */
function keepsBytes({ offsetBytes, lengthBytes }: PlacedExtent, oldLength: number, block: number): boolean {
  const blockByte = block * BLOCK
  const had = validBytes(block, oldLength)
  const from = offsetBytes - blockByte
  if (from >= had) return false
  return from > 0 || offsetBytes + lengthBytes - blockByte < had
}

/** The checksum of a block that keeps some of its old bytes, once these have been checked. */
function merged(replica: Extended, extent: PlacedExtent, block: number): Checksum {
  const { from, to, sourceFrom } = partIn(extent, block)
  return overwritten(replica, block, { from, to },
    front => extent.source.checksum(sourceFrom, sourceFrom + to - from, front))
}

/** The checksum of a block that is overwritten as a whole, or continued at the end of its bytes. */
function appended(before: Checksum, extent: PlacedExtent, block: number, oldLength: number): Checksum {
  const { from, to, sourceFrom } = partIn(extent, block)
  if (from === 0 && to === BLOCK && sourceFrom % BLOCK === 0) {
    const known = extent.known?.[sourceFrom / BLOCK]
    if (known !== undefined) return known
  }
  const continues = from > 0 && validBytes(block, oldLength) === from
  return extent.source.checksum(sourceFrom, sourceFrom + to - from, continues ? before : 0 as Checksum)
}

/** Which bytes of a block an extent writes, and where in its source they are. */
function partIn(
  { offsetBytes, lengthBytes, sourceFrom }: PlacedExtent, block: number,
): { from: number, to: number, sourceFrom: number } {
  const blockByte = block * BLOCK
  const from = Math.max(offsetBytes - blockByte, 0)
  const to = Math.min(offsetBytes + lengthBytes - blockByte, BLOCK)
  return { from, to, sourceFrom: sourceFrom + blockByte + from - offsetBytes }
}

/** Sets the length; what is gained reads as zeros. @throws as {@link writeExtent} */
export function resize(replica: Extended, lengthBytes: number): void {
  const { data, table, lengthBytes: oldLength } = replica
  if (lengthBytes > oldLength) {
    data.truncateNow(lengthBytes)
    table.growWithZeros(oldLength, lengthBytes)
    return
  }
  const block = Math.floor(lengthBytes / BLOCK)
  const left = validBytes(block, lengthBytes)
  const cut = left > 0 && lengthBytes < oldLength
    ? cutShort(replica, block, left)
    : undefined
  data.truncateNow(lengthBytes)
  if (cut !== undefined) table.set(block, cut)
}
