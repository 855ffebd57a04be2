import type { ChunkOrigin } from '../../protocol/chunks.ts'
import type { ChunkId, ChunkIndex, ChunkVersion, InodeId } from '../../protocol/identifiers.ts'
import type { Stamp } from '../../protocol/master-api.ts'

/** A chunk as the master's state has it. */
export interface ChunkRecord {
  readonly inode: InodeId
  readonly index: ChunkIndex
  readonly version: ChunkVersion
  /** Under which replicas were taken last that may lack what was written before and not synced; 0: never. */
  readonly lossVersion: ChunkVersion
}

/** What this folder needs of the master's durable state. */
export interface ChunkTable {
  chunk(id: ChunkId): ChunkRecord | undefined
  /** The chunk was made with its file, and nobody has said that there are bytes in it. */
  isUnwritten(id: ChunkId): boolean
  /** The chunk lies behind the end of its file, as far as the master was told. */
  isBeyondEnd(id: ChunkId): boolean
  /** How much of the chunk lies in front of the end of its file, as far as the master was told. */
  bytesInFile(record: ChunkRecord): number
  /** What there is at the end of a file and behind; none where the file is gone, or about to go. */
  tailOf(inode: InodeId): Tail | undefined
  /** Somebody has the file open, or may have. */
  isHeld(inode: InodeId): boolean
  /**
   * Gives up what is behind the file's end, whole chunks at once; durable when it resolves.
   * @param version later than all under which anyone wrote to the file
   */
  cutTail(inode: InodeId, version: ChunkVersion): Promise<void>
  /** Ids below have been handed out. */
  readonly nextChunk: number
  originOf(record: ChunkRecord): ChunkOrigin
  /** Rises with every call, over all restarts. */
  takeVersion(): Promise<ChunkVersion> | ChunkVersion
  /**
   * Durable when it resolves.
   * @param replicas.doubtful those of this version may lack what was written before and not synced
   * @throws DfsError 'no-such-entry' the chunk is gone
   */
  setVersion(chunk: ChunkId, version: ChunkVersion, replicas: { doubtful: boolean }): Promise<void>
  /** Gives the chunk at this place of the file, made if it is a hole. @throws DfsError 'stale-handle' no such file */
  allocate(stamp: Stamp, inode: InodeId, index: ChunkIndex): Promise<{ chunk: ChunkId, version: ChunkVersion }>
}

export interface Tail {
  /** Chunks that lie behind the end of the file as a whole. */
  hasChunksBehind: boolean
  /** The chunk that the file ends in the middle of, and the length of its part of the file. */
  last: { chunk: ChunkId, lengthBytes: number } | undefined
}

/** No close nor fsync has told of bytes in the chunk: where nobody has a replica of it, nothing is lost. */
export function isNotPromised(table: ChunkTable, id: ChunkId): boolean {
  return table.isUnwritten(id) || table.isBeyondEnd(id)
}
