/**
 * One open file. Calls ending in `Now` block the process and are for small pieces that sit in the page cache;
 * the others may take as long as the disk does. All of them throw DiskError.
 */
export interface DiskFile {
  sizeBytes(): number
  /** Fills `into` from `offsetBytes` on; returns how many bytes there were (less at the end of the file). */
  readNow(into: Uint8Array, offsetBytes: number): number
  writeNow(data: Uint8Array, offsetBytes: number): void
  read(into: Uint8Array, offsetBytes: number): Promise<number>
  /** Writes the buffers one behind the other. */
  write(buffers: readonly Uint8Array[], offsetBytes: number): Promise<void>
  truncateNow(sizeBytes: number): void
  /** When this resolves, the file's bytes and size survive a power cut. Its name does after {@link Disk.syncFolder}. */
  sync(): Promise<void>
  close(): void
}

export interface Capacity {
  totalBytes: number
  /** What we may still write. */
  freeBytes: number
}

/**
 * 'existing' fails with code ENOENT where there is none; 'create' opens the file or makes it, and its folders; 'empty' does
 * so too, and what was there has no bytes afterwards.
 */
export type OpenMode = 'existing' | 'create' | 'empty'

/** A folder of the machine's disk; every name is relative to it, with `/` between folders. */
export interface Disk {
  open(name: string, mode: OpenMode): DiskFile
  /** Size of the file that has this name now, in bytes; undefined where there is none. */
  sizeOf(name: string): number | undefined
  /** Names in a folder, in no order; none where the folder is missing. */
  list(folder: string): string[]
  rename(from: string, to: string): void
  /** Removes a file; one that is not there is fine. */
  remove(name: string): void
  /** The same with a file that may be large, which takes some ms: others are served meanwhile. */
  removeLarge(name: string): Promise<void>
  /** When this resolves, the names made, renamed and removed in the folder survive a power cut. */
  syncFolder(folder: string): Promise<void>
  capacity(): Capacity
  /** Differs from one boot of the operating system to the next: tells a process crash from a power cut. */
  bootId(): string
}

export class DiskError extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.name = 'DiskError'
    this.code = code
  }
}
