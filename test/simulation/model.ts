/**
 * A file as its one writer was told it is. Shares no code with the product: buffers and nothing else.
 *
 * Where whole machines may lose what was not synced, it also knows what the file was since its last sync: until the next
 * one, each byte may be any of these.
 */
export class ModelFile {
  readonly #forgets: boolean
  #bytes = Buffer.alloc(0)
  #past: Buffer<ArrayBuffer>[] = []
  /** Counts changes. */
  revision = 0

  /** @param forgets what was not synced may be lost */
  constructor({ forgets }: { forgets: boolean }) {
    this.#forgets = forgets
  }

  get sizeBytes(): number {
    return this.#bytes.length
  }

  /** Whether any byte is not zero. */
  get hasBytes(): boolean {
    return this.#bytes.some(byte => byte !== 0)
  }

  /** How many contents it had since it was synced. */
  get unsyncedChanges(): number {
    return this.#past.length
  }

  write(offsetBytes: number, data: Uint8Array): void {
    const bytes = Buffer.alloc(Math.max(this.#bytes.length, offsetBytes + data.length))
    this.#bytes.copy(bytes)
    bytes.set(data, offsetBytes)
    this.#become(bytes)
  }

  append(data: Uint8Array): void {
    this.write(this.#bytes.length, data)
  }

  truncate(sizeBytes: number): void {
    const bytes = Buffer.alloc(sizeBytes)
    this.#bytes.copy(bytes, 0, 0, Math.min(sizeBytes, this.#bytes.length))
    this.#become(bytes)
  }

  zero(offsetBytes: number, lengthBytes: number): void {
    this.#become(Buffer.from(this.#bytes).fill(0, offsetBytes, offsetBytes + lengthBytes))
  }

  /** All of it is on stable storage: nothing else may be read any more. */
  synced(): void {
    this.#past = []
  }

  contents(): Buffer {
    return this.#bytes
  }

  /** What is wrong with bytes that were read; nothing when they may be so. */
  complaint(found: Buffer, offsetBytes: number, lengthBytes: number): string | undefined {
    const expected = this.#bytes.subarray(offsetBytes, offsetBytes + lengthBytes)
    if (found.equals(expected)) return undefined
    if (found.length !== expected.length) return `${String(found.length)} bytes instead of ${String(expected.length)}`
    for (let at = 0; at < found.length; at++) {
      const byte = found[at]
      if (byte === expected[at]) continue
      if (this.#past.some(before => (before[offsetBytes + at] ?? 0) === byte)) continue
      return `${String(byte)} instead of ${String(expected[at])} at byte ${String(offsetBytes + at)} of ${String(this.#bytes.length)}`
    }
    return undefined
  }

  #become(bytes: Buffer<ArrayBuffer>): void {
    if (this.#forgets) this.#past.push(this.#bytes)
    this.#bytes = bytes
    this.revision++
  }
}
