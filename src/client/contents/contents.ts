import type { Attributes } from '../../protocol/attributes.ts'
import type { ChunkIndex } from '../../protocol/identifiers.ts'
import type { DfsError } from '../../protocol/errors.ts'
import type { DataPath } from './data-path.ts'

/** What the contents of one file ask of the master, on behalf of whoever opened it. */
export interface FileAuthority {
  /** See masterApi.settle. */
  settle(endBytes: number, modifiedNs: bigint): Promise<Attributes>
  /** The file's attributes from the master itself, not from a cache. */
  freshAttributes(): Promise<Attributes>
  /** See masterApi.dropChunks. */
  dropChunks(first: ChunkIndex, count: number): Promise<Attributes>
}

/**
 * The bytes of one open file, shared by all its handles of this client. Writes are taken into memory and sent behind the
 * caller's back; reads see them at every moment.
 */
export declare class FileContents {
  /** @param attributes as the master gave them when the file was opened */
  constructor(parts: { attributes: Attributes, data: DataPath, authority: FileAuthority })
  /** Includes what has not been sent. */
  get sizeBytes(): number
  /** Of the contents that the caches of this file come from. */
  get contentVersion(): number
  /** What attributes from the master lack: written here and not settled there; undefined when there is nothing. */
  get unsent(): { sizeBytes: number, modifiedNs: bigint } | undefined
  /**
   * Background writes that failed so far, and the last one's error. The methods below reject with a fault once; a handle that
   * must hear of it too compares the count with what it was when it last looked.
   */
  get faults(): { count: number, last: DfsError | undefined }
  /** Takes the bytes over (they are copied); waits while too much is unsent. */
  write(offsetBytes: number, data: Uint8Array): Promise<void>
  /** As write, at the end of the file, wherever other clients have moved it. */
  append(data: Uint8Array): Promise<void>
  /** Shorter only at the end of the file; the buffers follow one another and are the caller's to read, not to change. */
  read(offsetBytes: number, lengthBytes: number): Promise<Uint8Array[]>
  /**
   * Every replica has what was written so far, and the master the size and time. To be called before the times are set
   * by hand, or the time of the writes would replace them later.
   */
  flush(): Promise<void>
  /** As flush, and everything is on stable storage. */
  sync(): Promise<void>
  /**
   * Changes the size: waits for writes under way, drops what lies behind, cuts the last chunk at its primary and then has
   * `tellMaster` set the size there. Other writes wait meanwhile.
   */
  truncate(sizeBytes: number, tellMaster: () => Promise<Attributes>): Promise<Attributes>
  /** Makes a range zeros: whole chunks become holes, the rest is written. Does not change the size: cut the range before. */
  zero(offsetBytes: number, lengthBytes: number): Promise<void>
  /** Next data at or behind the offset, in whole chunks. @throws DfsError 'no-data-there' */
  nextData(offsetBytes: number): Promise<number>
  /** Next hole, the end of the file at the latest. @throws DfsError 'no-data-there' the offset is behind the end */
  nextHole(offsetBytes: number): Promise<number>
  /** To be called with fresh attributes at every open, and whenever newer ones come by: drops caches that are stale. */
  refresh(attributes: Attributes): void
  /** Flushes and lets go. What it rejects with has been lost. */
  close(): Promise<void>
}
