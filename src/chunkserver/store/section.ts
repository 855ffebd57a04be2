import type { DiskFile } from '../../seams/disk.ts'

/** A file without its first bytes, as a file. */
export class Section implements DiskFile {
  readonly #file: DiskFile
  readonly #fromBytes: number

  constructor(file: DiskFile, fromBytes: number) {
    this.#file = file
    this.#fromBytes = fromBytes
  }

  /** 0 where not even the bytes in front of it are all there. */
  sizeBytes(): number {
    return Math.max(0, this.#file.sizeBytes() - this.#fromBytes)
  }

  readNow(into: Uint8Array, offsetBytes: number): number {
    return this.#file.readNow(into, this.#fromBytes + offsetBytes)
  }

  writeNow(data: Uint8Array, offsetBytes: number): void {
    this.#file.writeNow(data, this.#fromBytes + offsetBytes)
  }

  read(into: Uint8Array, offsetBytes: number): Promise<number> {
    return this.#file.read(into, this.#fromBytes + offsetBytes)
  }

  write(buffers: readonly Uint8Array[], offsetBytes: number): Promise<void> {
    return this.#file.write(buffers, this.#fromBytes + offsetBytes)
  }

  truncateNow(sizeBytes: number): void {
    this.#file.truncateNow(this.#fromBytes + sizeBytes)
  }

  sync(): Promise<void> {
    return this.#file.sync()
  }

  close(): void {
    this.#file.close()
  }
}
