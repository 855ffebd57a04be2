import { fileTypes, type FileType } from '../../protocol/attributes.ts'
import type { ChunkId, ChunkIndex, ChunkVersion, InodeId } from '../../protocol/identifiers.ts'

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

/** First byte of every record, so that a later layout can be told from this one. */
const FORMAT = 1
const INODE_BYTES = 89

export function encodeInode(inode: Inode): Buffer {
  const into = Buffer.allocUnsafe(INODE_BYTES)
  into[0] = FORMAT
  into[1] = fileTypes.indexOf(inode.type)
  into.writeUInt16BE(inode.mode, 2)
  into.writeUInt32BE(inode.links, 4)
  into.writeUInt32BE(inode.uid, 8)
  into.writeUInt32BE(inode.gid, 12)
  into.writeDoubleBE(inode.device, 16)
  into.writeDoubleBE(inode.sizeBytes, 24)
  into.writeBigInt64BE(inode.accessedNs, 32)
  into.writeBigInt64BE(inode.modifiedNs, 40)
  into.writeBigInt64BE(inode.changedNs, 48)
  into.writeDoubleBE(inode.contentVersion, 56)
  into.writeDoubleBE(inode.chunkCount, 64)
  into.writeDoubleBE(inode.parent, 72)
  into.writeDoubleBE(inode.chunkSizeBytes, 80)
  into[88] = inode.hasXattrs ? 1 : 0
  return into
}

export function decodeInode(from: Buffer): Inode {
  const type = fileTypes[from[1] ?? 0]
  if (from[0] !== FORMAT || type === undefined) throw new Error(`an inode record of unknown format ${String(from[0])}`)
  return {
    type,
    mode: from.readUInt16BE(2),
    links: from.readUInt32BE(4),
    uid: from.readUInt32BE(8),
    gid: from.readUInt32BE(12),
    device: from.readDoubleBE(16),
    sizeBytes: from.readDoubleBE(24),
    accessedNs: from.readBigInt64BE(32),
    modifiedNs: from.readBigInt64BE(40),
    changedNs: from.readBigInt64BE(48),
    contentVersion: from.readDoubleBE(56),
    chunkCount: from.readDoubleBE(64),
    parent: from.readDoubleBE(72),
    chunkSizeBytes: from.readDoubleBE(80),
    hasXattrs: from[88] === 1,
  }
}

export function encodeChunk({ inode, index, version, lossVersion }: Omit<ChunkRecord, 'chunk'>): Buffer {
  return lossVersion === 0 ? encodeNumbers(inode, index, version) : encodeNumbers(inode, index, version, lossVersion)
}

export function decodeChunk(chunk: ChunkId, from: Buffer): ChunkRecord {
  return {
    chunk,
    inode: numberIn(from, 0) as InodeId,
    index: numberIn(from, 1) as ChunkIndex,
    version: numberIn(from, 2) as ChunkVersion,
    lossVersion: (numbersIn(from) > 3 ? numberIn(from, 3) : 0) as ChunkVersion,
  }
}

/** Whole numbers behind the format byte. */
export function encodeNumbers(...numbers: number[]): Buffer {
  const into = Buffer.allocUnsafe(1 + 8 * numbers.length)
  into[0] = FORMAT
  let at = 1
  for (const number of numbers) at = into.writeDoubleBE(number, at)
  return into
}

/** How many there are. */
export function numbersIn(from: Buffer): number {
  return Math.floor((from.length - 1) / 8)
}

export function numberIn(from: Buffer, position: number): number {
  return from.readDoubleBE(1 + 8 * position)
}
