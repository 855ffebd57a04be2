import { checksumOf, type Checksum } from '../../protocol/checksum.ts'
import type { ChunkOrigin } from '../../protocol/chunks.ts'
import { limits } from '../../protocol/limits.ts'
import type { DiskFile } from '../../seams/disk.ts'
import { PAGE_BYTES } from '../../seams/payloads.ts'
import { HEADER_BYTES } from './header.ts'

const BLOCK = limits.blockBytes
const ENTRY_BYTES = 4
const ZEROS = Buffer.alloc(BLOCK)
const ZERO_BLOCK = checksumOf(ZEROS)

/** How many blocks a replica of this length has; the last may be a part of one. */
export function blocksIn(lengthBytes: number): number {
  return Math.ceil(lengthBytes / BLOCK)
}

/** Where the bytes begin in the file of a replica: behind a table with room for the largest, at the start of a page. */
export function dataStart({ chunkSizeBytes }: ChunkOrigin): number {
  const tableEnd = HEADER_BYTES + blocksIn(chunkSizeBytes) * ENTRY_BYTES
  return Math.ceil(tableEnd / PAGE_BYTES) * PAGE_BYTES
}

/** How many bytes of a block a replica of this length has. */
export function validBytes(block: number, lengthBytes: number): number {
  return Math.max(0, Math.min(BLOCK, lengthBytes - block * BLOCK))
}

/** The checksum of `count` more zeros, at most a block, behind bytes with this checksum. */
export function withZeros(before: Checksum, count: number): Checksum {
  if (count === BLOCK) return ZERO_BLOCK
  return count === 0 ? before : checksumOf(ZEROS.subarray(0, count), before)
}

/** The checksums of a replica's blocks, in memory, as they stand behind the header in its file. */
export class Table {
  #bytes: Buffer

  /** Reads the entries of the first `blocks`; what the file lacks reads as 0, which no block will match. */
  static readNow(file: DiskFile, blocks: number): Table {
    const bytes = Buffer.alloc(Math.max(blocks, 1) * ENTRY_BYTES)
    if (blocks > 0) file.readNow(bytes, HEADER_BYTES)
    return new Table(bytes)
  }

  constructor(bytes: Buffer = Buffer.alloc(ENTRY_BYTES)) {
    this.#bytes = bytes
  }

  get(block: number): Checksum {
    const offset = block * ENTRY_BYTES
    return (offset < this.#bytes.length ? this.#bytes.readUInt32LE(offset) : 0) as Checksum
  }

  set(block: number, checksum: Checksum): void {
    const offset = block * ENTRY_BYTES
    if (offset >= this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(this.#bytes.length * 2, offset + ENTRY_BYTES))
      this.#bytes.copy(grown)
      this.#bytes = grown
    }
    this.#bytes.writeUInt32LE(checksum, offset)
  }

  /** Follows a replica that grows by zeros, from one length to another. */
  growWithZeros(fromBytes: number, toBytes: number): void {
    for (let block = Math.floor(fromBytes / BLOCK); block < blocksIn(toBytes); block++) {
      const had = validBytes(block, fromBytes)
      const before = had === 0 ? 0 as Checksum : this.get(block)
      this.set(block, withZeros(before, validBytes(block, toBytes) - had))
    }
  }

  /** Writes the entries from one block up to, not including, another. */
  writeNow(file: DiskFile, fromBlock: number, toBlock: number): void {
    if (toBlock <= fromBlock) return
    file.writeNow(this.entries(fromBlock, toBlock), HEADER_BYTES + fromBlock * ENTRY_BYTES)
  }

  /** The same as bytes; some may be missing where the replica was cut short and has no such blocks any more. */
  entries(fromBlock: number, toBlock: number): Buffer {
    return this.#bytes.subarray(fromBlock * ENTRY_BYTES, toBlock * ENTRY_BYTES)
  }

  digest(blocks: number): Checksum {
    return checksumOf(this.#bytes.subarray(0, blocks * ENTRY_BYTES))
  }

  list(blocks: number): Checksum[] {
    return Array.from({ length: blocks }, (_, block) => this.get(block))
  }
}
