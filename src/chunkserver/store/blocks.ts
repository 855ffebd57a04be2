import { checksumOf, type Checksum } from '../../protocol/checksum.ts'
import { DfsError } from '../../protocol/errors.ts'
import type { ChunkId } from '../../protocol/identifiers.ts'
import { limits } from '../../protocol/limits.ts'
import type { DiskFile } from '../../seams/disk.ts'
import { combine } from './combined-checksum.ts'
import type { OpenReplica } from './open-files.ts'
import { blocksIn, validBytes, type Table } from './table.ts'

const BLOCK = limits.blockBytes
const PIECE = 1024 * 1024
/** Up to this many bytes a call into the page cache costs less than a trip through the thread pool. */
export const INLINE_BYTES_MAX = 64 * 1024

/** A replica's files and what part of them counts. */
export interface Extended extends OpenReplica {
  readonly chunk: ChunkId
  readonly lengthBytes: number
}

/** Bytes that were checked against the table, and the checksum of just these. */
export interface VerifiedBytes {
  data: Buffer
  checksum: Checksum
}

/**
 * Reads a range that lies within the replica. Whole blocks are read and checked; only what was asked for is returned.
 * @throws DfsError 'corrupt', DiskError
 */
export async function readVerified(replica: Extended, fromByte: number, toByte: number): Promise<VerifiedBytes> {
  if (toByte <= fromByte) return { data: Buffer.alloc(0), checksum: 0 as Checksum }
  const firstBlock = Math.floor(fromByte / BLOCK)
  const startByte = firstBlock * BLOCK
  const bytes = Buffer.allocUnsafe(Math.min(blocksIn(toByte) * BLOCK, replica.lengthBytes) - startByte)
  const inline = toByte - fromByte <= INLINE_BYTES_MAX
  const got = inline ? replica.data.readNow(bytes, startByte) : await replica.data.read(bytes, startByte)
  let checksum = 0 as Checksum
  for (let block = firstBlock; block < blocksIn(toByte); block++) {
    const blockByte = block * BLOCK
    const blockBytes = validBytes(block, replica.lengthBytes)
    const stored = bytes.subarray(blockByte - startByte, Math.min(blockByte - startByte + blockBytes, got))
    const expected = replica.table.get(block)
    if (stored.length < blockBytes || checksumOf(stored) !== expected) throw corrupt(replica.chunk, block)
    const from = Math.max(fromByte - blockByte, 0)
    const to = Math.min(toByte - blockByte, blockBytes)
    checksum = from === 0 && to === blockBytes
      ? combine(checksum, expected, blockBytes)
      : checksumOf(stored.subarray(from, to), checksum)
  }
  return { data: bytes.subarray(fromByte - startByte, toByte - startByte), checksum }
}

/** The bytes of one block, checked. Blocks the process: it is about to be written, so it is in the page cache or soon will be. */
export function readBlockNow({ chunk, data, table, lengthBytes }: Extended, block: number): Buffer {
  const bytes = Buffer.allocUnsafe(validBytes(block, lengthBytes))
  const got = data.readNow(bytes, block * BLOCK)
  if (got < bytes.length || checksumOf(bytes) !== table.get(block)) throw corrupt(chunk, block)
  return bytes
}

/** Makes table entries of what the data file holds, for blocks of which only it can be right. */
export async function recompute(
  { data, table, lengthBytes }: { data: DiskFile, table: Table, lengthBytes: number }, fromBlock: number, toBlock: number,
): Promise<void> {
  const endByte = Math.min(toBlock * BLOCK, lengthBytes)
  for (let at = fromBlock * BLOCK; at < endByte; at += PIECE) {
    const piece = Buffer.alloc(Math.min(PIECE, endByte - at))
    await data.read(piece, at)
    for (let from = 0; from < piece.length; from += BLOCK) {
      table.set((at + from) / BLOCK, checksumOf(piece.subarray(from, Math.min(from + BLOCK, piece.length))))
    }
  }
}

export function corrupt(chunk: ChunkId, block: number): DfsError {
  return new DfsError('corrupt', `chunk ${chunk}: block ${block} does not match its checksum`)
}
