import { fileTypes, type FileType } from '../../protocol/attributes.ts'
import type { ChunkId, ChunkIndex, ChunkVersion, InodeId } from '../../protocol/identifiers.ts'
import { encodeNumbers, FORMAT, NumberReader, numbersOf, writeNumbers } from './numbers.ts'

/** An inode as the state keeps it. Never changed in place: a change is a new record. */
export interface Inode {
  readonly type: FileType
  readonly mode: number
  readonly links: number
  readonly uid: number
  readonly gid: number
  readonly device: number
  readonly sizeBytes: number
  readonly accessedNs: bigint
  readonly modifiedNs: bigint
  readonly changedNs: bigint
  readonly contentVersion: number
  readonly chunkSizeBytes: number
  /** How many chunks a file has. */
  readonly chunkCount: number
  /** The directory a directory is in; 0 for all else. */
  readonly parent: number
  readonly hasXattrs: boolean
}

export type Sizes = Pick<Inode, 'sizeBytes' | 'chunkSizeBytes'>

/** A chunk and where it belongs. */
export interface ChunkRecord {
  readonly chunk: ChunkId
  readonly inode: InodeId
  readonly index: ChunkIndex
  readonly version: ChunkVersion
  /** Under which replicas were taken last that may lack what was written before and not synced; 0: never. */
  readonly lossVersion: ChunkVersion
}

/** A chunk of a file whose inode is known. */
export interface FileChunk {
  readonly index: ChunkIndex
  readonly chunk: ChunkId
  readonly version: ChunkVersion
}

/** What has a place of its own in the record of an inode: format, type, permissions, three times. */
const INODE_FIXED_BYTES = 28
const INODE_BYTES_MAX = 112
/** Links, uid and gid. */
const NUMBERS_BEFORE_SIZES = 3
/** Records are filled up to a multiple of this: one that grows with its file would not fit any more, and divide its page. */
const INODE_STEP_BYTES = 16
const XATTRS_BIT = 0x80

export function encodeInode(inode: Inode): Buffer {
  const into = Buffer.allocUnsafe(INODE_BYTES_MAX)
  into[0] = FORMAT
  into[1] = fileTypes.indexOf(inode.type) | (inode.hasXattrs ? XATTRS_BIT : 0)
  into.writeUInt16BE(inode.mode, 2)
  into.writeBigInt64BE(inode.accessedNs, 4)
  into.writeBigInt64BE(inode.modifiedNs, 12)
  into.writeBigInt64BE(inode.changedNs, 20)
  const { links, uid, gid, sizeBytes, chunkSizeBytes, chunkCount, contentVersion, parent, device } = inode
  const end = writeNumbers(into, INODE_FIXED_BYTES,
    [links, uid, gid, sizeBytes, chunkSizeBytes, chunkCount, contentVersion, parent, device])
  const filled = Math.ceil(end / INODE_STEP_BYTES) * INODE_STEP_BYTES
  return into.fill(0, end, filled).subarray(0, filled)
}

export function decodeInode(from: Buffer): Inode {
  const second = from[1] ?? 0
  const type = fileTypes[second & ~XATTRS_BIT]
  if (from[0] !== FORMAT || type === undefined) throw new Error(`an inode record of unknown format ${String(from[0])}`)
  const numbers = new NumberReader(from, INODE_FIXED_BYTES)
  return {
    type,
    hasXattrs: (second & XATTRS_BIT) !== 0,
    mode: from.readUInt16BE(2),
    accessedNs: from.readBigInt64BE(4),
    modifiedNs: from.readBigInt64BE(12),
    changedNs: from.readBigInt64BE(20),
    links: numbers.next(),
    uid: numbers.next(),
    gid: numbers.next(),
    sizeBytes: numbers.next(),
    chunkSizeBytes: numbers.next(),
    chunkCount: numbers.next(),
    contentVersion: numbers.next(),
    parent: numbers.next(),
    device: numbers.next(),
  }
}

/** Only what a file's chunks are measured by. */
export function decodeSizes(from: Buffer): Sizes {
  if (from[0] !== FORMAT) throw new Error(`an inode record of unknown format ${String(from[0])}`)
  const numbers = new NumberReader(from, INODE_FIXED_BYTES)
  for (let before = 0; before < NUMBERS_BEFORE_SIZES; before++) numbers.next()
  return { sizeBytes: numbers.next(), chunkSizeBytes: numbers.next() }
}

export function encodeChunk({ inode, index, version, lossVersion }: Omit<ChunkRecord, 'chunk'>): Buffer {
  return encodeNumbers(inode, index, version, lossVersion)
}

export function decodeChunk(chunk: ChunkId, from: Buffer): ChunkRecord {
  const numbers = numbersOf(from)
  return {
    chunk,
    inode: numbers.next() as InodeId,
    index: numbers.next() as ChunkIndex,
    version: numbers.next() as ChunkVersion,
    lossVersion: numbers.next() as ChunkVersion,
  }
}
