import { checksumOf, type Checksum } from '../../protocol/checksum.ts'
import { DfsError } from '../../protocol/errors.ts'
import type { ChunkId } from '../../protocol/identifiers.ts'
import { limits } from '../../protocol/limits.ts'
import type { DiskFile } from '../../seams/disk.ts'
import { payloadMemory, recycleAs } from '../../seams/payloads.ts'
import { combine } from './combined-checksum.ts'
import type { OpenReplica } from './open-files.ts'
import { blocksIn, validBytes, type Table } from './table.ts'

const BLOCK = limits.blockBytes
const PIECE = 1024 * 1024
/** Up to this many bytes a call into the page cache costs less than a trip through the thread pool. */
export const INLINE_BYTES_MAX = 64 * 1024

/**
 * Where blocks are read into by calls that do not wait: fresh memory for each would cost more than the reading.
 * Never used across an `await`. A range of at most INLINE_BYTES_MAX touches two blocks at most.
 */
const scratch = Buffer.alloc(INLINE_BYTES_MAX + BLOCK)

/** A replica's open file and what part of it counts. */
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
  if (toByte - fromByte <= INLINE_BYTES_MAX) return readVerifiedNow(replica, fromByte, toByte)
  const { startByte, lengthBytes } = wholeBlocks(replica, fromByte, toByte)
  const bytes = payloadMemory(lengthBytes)
  const got = await replica.data.read(bytes, startByte)
  const checksum = checksumOfVerified(replica, bytes.subarray(0, got), fromByte, toByte)
  const data = bytes.subarray(fromByte - startByte, toByte - startByte)
  recycleAs(bytes, data)
  return { data, checksum }
}

/** The same for at most INLINE_BYTES_MAX. Blocks the process: for as long as the disk takes, where the page cache has no copy. */
export function readVerifiedNow(replica: Extended, fromByte: number, toByte: number): VerifiedBytes {
  if (toByte <= fromByte) return { data: Buffer.alloc(0), checksum: 0 as Checksum }
  const { startByte, lengthBytes } = wholeBlocks(replica, fromByte, toByte)
  const bytes = scratch.subarray(0, lengthBytes)
  const got = replica.data.readNow(bytes, startByte)
  const checksum = checksumOfVerified(replica, bytes.subarray(0, got), fromByte, toByte)
  return { data: Buffer.from(bytes.subarray(fromByte - startByte, toByte - startByte)), checksum }
}

/** The blocks that a range touches, as far as the replica has them. */
function wholeBlocks(
  replica: Extended, fromByte: number, toByte: number,
): { startByte: number, lengthBytes: number } {
  const startByte = Math.floor(fromByte / BLOCK) * BLOCK
  return { startByte, lengthBytes: Math.min(blocksIn(toByte) * BLOCK, replica.lengthBytes) - startByte }
}

/** @param bytes what the disk gave of the {@link wholeBlocks} of the range @returns the checksum of the range */
function checksumOfVerified(replica: Extended, bytes: Buffer, fromByte: number, toByte: number): Checksum {
  const firstBlock = Math.floor(fromByte / BLOCK)
  const startByte = firstBlock * BLOCK
  let checksum = 0 as Checksum
  for (let block = firstBlock; block < blocksIn(toByte); block++) {
    const blockByte = block * BLOCK
    const blockBytes = validBytes(block, replica.lengthBytes)
    const stored = bytes.subarray(blockByte - startByte, blockByte - startByte + blockBytes)
    const expected = replica.table.get(block)
    if (stored.length < blockBytes || checksumOf(stored) !== expected) throw corrupt(replica.chunk, block)
    const from = Math.max(fromByte - blockByte, 0)
    const to = Math.min(toByte - blockByte, blockBytes)
    checksum = from === 0 && to === blockBytes
      ? combine(checksum, expected, blockBytes)
      : checksumOf(stored.subarray(from, to), checksum)
  }
  return checksum
}

/**
 * The bytes of one block. Blocks the process: it is about to be written, so it is in the page cache or soon will be.
 * @returns a buffer that the next read uses again, shorter than the block where the file is
 */
function blockNow({ data, lengthBytes }: Extended, block: number): Buffer {
  const bytes = scratch.subarray(0, validBytes(block, lengthBytes))
  return bytes.subarray(0, data.readNow(bytes, block * BLOCK))
}

/** What a block's checksum becomes when only the bytes in front of `keptBytes` stay. @throws as {@link overwritten} */
export function cutShort(replica: Extended, block: number, keptBytes: number): Checksum {
  return overwritten(replica, block, { from: keptBytes, to: validBytes(block, replica.lengthBytes) }, front => front)
}

/**
 * What a block's checksum becomes when a range within or across the end of its bytes is replaced. The old bytes are
 * checked, so that rot in those that stay never gets a valid checksum. Each is gone over once.
 * @param middle continues the checksum of the bytes in front of the range with that of the new ones
 * @throws DfsError 'corrupt', DiskError
 */
export function overwritten(
  replica: Extended, block: number, { from, to }: { from: number, to: number }, middle: (front: Checksum) => Checksum,
): Checksum {
  const old = blockNow(replica, block)
  const front = from === 0 ? 0 as Checksum : checksumOf(old.subarray(0, from))
  const behind = old.subarray(to)
  const rest = checksumOf(behind)
  const expected = combine(checksumOf(old.subarray(from, to), front), rest, behind.length)
  if (old.length < validBytes(block, replica.lengthBytes) || expected !== replica.table.get(block)) {
    throw corrupt(replica.chunk, block)
  }
  return combine(middle(front), rest, behind.length)
}

/** Makes table entries of the bytes that are there, for blocks of which only it can be right. */
export async function recompute(
  { data, table, lengthBytes }: { data: DiskFile, table: Table, lengthBytes: number },
  fromBlock: number, toBlock: number,
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
