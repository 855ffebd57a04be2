/** A file as its one writer was told it is. Shares no code with the product: a buffer and nothing else. */
export class ModelFile {
  #bytes = Buffer.alloc(0)

  get sizeBytes(): number {
    return this.#bytes.length
  }

  write(offsetBytes: number, data: Uint8Array): void {
    const bytes = Buffer.alloc(Math.max(this.#bytes.length, offsetBytes + data.length))
    this.#bytes.copy(bytes)
    bytes.set(data, offsetBytes)
    this.#bytes = bytes
  }

  append(data: Uint8Array): void {
    this.write(this.#bytes.length, data)
  }

  truncate(sizeBytes: number): void {
    const bytes = Buffer.alloc(sizeBytes)
    this.#bytes.copy(bytes, 0, 0, Math.min(sizeBytes, this.#bytes.length))
    this.#bytes = bytes
  }

  zero(offsetBytes: number, lengthBytes: number): void {
    this.#bytes.fill(0, offsetBytes, offsetBytes + lengthBytes)
  }

  read(offsetBytes: number, lengthBytes: number): Buffer {
    return this.#bytes.subarray(offsetBytes, offsetBytes + lengthBytes)
  }

  contents(): Buffer {
    return this.#bytes
  }
}
