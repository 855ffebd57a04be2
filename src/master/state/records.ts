import type { FileType } from '../../protocol/attributes.ts'
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
}

/** A chunk and where it belongs. */
export interface ChunkRecord {
  readonly chunk: ChunkId
  readonly inode: InodeId
  readonly index: ChunkIndex
  readonly version: ChunkVersion
}

/** A chunk of a file whose inode is known. */
export interface FileChunk {
  readonly index: ChunkIndex
  readonly chunk: ChunkId
  readonly version: ChunkVersion
}
