import { checksumOf, type Checksum } from '../../protocol/checksum.ts'
import type { ChunkOrigin, ReplicaReport } from '../../protocol/chunks.ts'
import type { ChunkId, ChunkVersion } from '../../protocol/identifiers.ts'

/** The checksum table follows the header. */
export const HEADER_BYTES = 128

/** 'dfsr', then the number of this layout. */
const MAGIC = 0x64667372
const FORMAT = 2

const at = {
  magic: 0, format: 4, state: 5, mark: 6, bootLength: 7, chunk: 8, version: 16, inode: 24, index: 32, chunkSize: 40,
  length: 48, pendingFrom: 56, pendingTo: 64, boot: 72, digest: 120, checksum: 124,
} as const
const BOOT_BYTES_MAX = at.digest - at.boot
const states = ['good', 'doubtful', 'corrupt'] as const
const marks = ['dirty', 'clean', 'settling'] as const

/**
 * 'clean': data and table are on stable storage and agree. 'settling': they are if they match the header, which went to the
 * disk with them and not behind them. 'dirty': nothing is known.
 */
export type Mark = (typeof marks)[number]

/** What a replica's file says in front of checksums and bytes. It fits a sector: old or new after a power cut. */
export interface Header {
  chunk: ChunkId
  version: ChunkVersion
  origin: ChunkOrigin
  /** That of a dirty replica is what its file has behind the table. */
  lengthBytes: number
  state: ReplicaReport['state']
  mark: Mark
  /** Of the table, where it is settling. */
  digest: Checksum
  /** Bytes that the latest mutation may have changed without their table entries. */
  pending: { from: number, to: number }
  /** The boot of the operating system in which this was written. */
  bootId: string
}

/** What may stand where a header should be. */
export type FoundHeader =
  | { found: 'header', header: Header }
  /** The file was made, and the power went before the header reached the disk. */
  | { found: 'nothing' }
  | { found: 'damage', why: string }
  /** Written by another version of dfs: not to be touched. */
  | { found: 'foreign', why: string }

const scratch = Buffer.alloc(HEADER_BYTES)

/** @returns a buffer that the next call uses again */
export function encodeHeader(header: Header): Buffer {
  scratch.fill(0)
  scratch.writeUInt32BE(MAGIC, at.magic)
  scratch.writeUInt8(FORMAT, at.format)
  scratch.writeUInt8(states.indexOf(header.state), at.state)
  scratch.writeUInt8(marks.indexOf(header.mark), at.mark)
  scratch.writeUInt8(Math.min(header.bootId.length, BOOT_BYTES_MAX), at.bootLength)
  putWhole(header.chunk, at.chunk)
  putWhole(header.version, at.version)
  putWhole(header.origin.inode, at.inode)
  putWhole(header.origin.index, at.index)
  putWhole(header.origin.chunkSizeBytes, at.chunkSize)
  putWhole(header.lengthBytes, at.length)
  putWhole(header.pending.from, at.pendingFrom)
  putWhole(header.pending.to, at.pendingTo)
  scratch.write(header.bootId, at.boot, BOOT_BYTES_MAX, 'latin1')
  scratch.writeUInt32LE(header.digest, at.digest)
  scratch.writeUInt32LE(checksumOf(scratch.subarray(0, at.checksum)), at.checksum)
  return scratch
}

/** @param bytes the start of the file: fewer than HEADER_BYTES if it is shorter */
export function decodeHeader(bytes: Buffer): FoundHeader {
  if (bytes.every(byte => byte === 0)) return { found: 'nothing' }
  if (bytes.length < HEADER_BYTES) return { found: 'damage', why: `only ${bytes.length} bytes` }
  if (bytes.readUInt32LE(at.checksum) !== checksumOf(bytes.subarray(0, at.checksum))) {
    return { found: 'damage', why: 'the header does not match its checksum' }
  }
  if (bytes.readUInt32BE(at.magic) !== MAGIC) return { found: 'damage', why: 'not a replica of dfs' }
  const format = bytes.readUInt8(at.format)
  if (format !== FORMAT) return { found: 'foreign', why: `format ${format} is unknown to this version` }
  return {
    found: 'header',
    header: {
      chunk: whole(bytes, at.chunk) as ChunkId,
      version: whole(bytes, at.version) as ChunkVersion,
      origin: {
        inode: whole(bytes, at.inode), index: whole(bytes, at.index), chunkSizeBytes: whole(bytes, at.chunkSize),
      },
      lengthBytes: whole(bytes, at.length),
      state: states[bytes.readUInt8(at.state)] ?? 'corrupt',
      mark: marks[bytes.readUInt8(at.mark)] ?? 'dirty',
      digest: bytes.readUInt32LE(at.digest) as Checksum,
      pending: { from: whole(bytes, at.pendingFrom), to: whole(bytes, at.pendingTo) },
      bootId: bytes.toString('latin1', at.boot, at.boot + bytes.readUInt8(at.bootLength)),
    },
  }
}

function putWhole(value: number, offset: number): void {
  scratch.writeUInt32LE(value % 2 ** 32, offset)
  scratch.writeUInt32LE(Math.floor(value / 2 ** 32), offset + 4)
}

function whole(bytes: Buffer, offset: number): number {
  return bytes.readUInt32LE(offset) + bytes.readUInt32LE(offset + 4) * 2 ** 32
}
