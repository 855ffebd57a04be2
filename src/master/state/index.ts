import type { ChunkId, ChunkIndex, InodeId } from '../../protocol/identifiers.ts'
import type { ChunkRecord, FileChunk, Inode } from './records.ts'

export type { ChunkRecord, FileChunk, Inode } from './records.ts'

/** Everything the master knows for ever. Changed only by applying journal entries, read by everyone at any time. */
export declare class MasterState {
  /** Where a chunk belongs; none when it was freed or never was. */
  chunk(chunk: ChunkId): ChunkRecord | undefined
  /** The chunks a file has among indexes `first` to `first + count - 1`, in order; holes are left out. */
  chunksOf(inode: InodeId, first: ChunkIndex, count: number): FileChunk[]
  /** All chunks, in the order of their ids; sees the state as it was when it began. */
  eachChunk(): Iterable<ChunkRecord>
  /** The record of a regular file; none for anything else. */
  fileOf(inode: InodeId): Inode | undefined
  inode(inode: InodeId): Inode | undefined
  /** No chunk has had this id, nor a larger one. */
  get nextChunk(): ChunkId
  get chunkCount(): number
  get inodeCount(): number
  get sessionCount(): number
}
