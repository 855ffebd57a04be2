/**
 * A file as its one writer was told it is. Shares no code with the product: buffers and nothing else.
 *
 * Where whole machines may lose what was not synced, it also knows what the file was since its last sync: once some have
 * lost power, and until the next sync, each byte may be any of these.
 */
export class ModelFile {
  readonly #losses: (() => number) | undefined
  /** How many losses there had been when it was first changed since its last sync. */
  #lossesBefore = 0
  #bytes = Buffer.alloc(0)
  #past: Buffer<ArrayBuffer>[] = []
  /** Counts changes. */
  revision = 0

  /** @param losses where what was not synced may be lost: counts the occasions */
  constructor({ losses }: { losses: (() => number) | undefined }) {
    this.#losses = losses
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

  /** Whether something that was not synced may be gone already. */
  get mayHaveLost(): boolean {
    return this.#past.length > 0 && this.#losses !== undefined && this.#losses() > this.#lossesBefore
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

  /** All of it is on stable storage: nothing else may be read any more. @param found what it turned out to be, if not all was left */
  synced(found: Buffer<ArrayBuffer> = this.#bytes): void {
    this.#bytes = found
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
      if (this.mayHaveLost && this.#past.some(before => (before[offsetBytes + at] ?? 0) === byte)) continue
      return `${String(byte)} instead of ${String(expected[at])} at byte ${String(offsetBytes + at)} of ${String(this.#bytes.length)}`
    }
    return undefined
  }

  #become(bytes: Buffer<ArrayBuffer>): void {
    if (this.#losses !== undefined) {
      if (this.#past.length === 0) this.#lossesBefore = this.#losses()
      this.#past.push(this.#bytes)
    }
    this.#bytes = bytes
    this.revision++
  }
}
