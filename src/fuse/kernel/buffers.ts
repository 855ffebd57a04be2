/** The kernel never sends a bigger write. */
export const WRITE_BYTES_MAX = 1024 * 1024
/** Room for the header and the arguments in front of the bytes of a write. */
const ARGUMENT_BYTES = 4096
const SPARE_MAX = 32

/** Buffers for requests, each big enough for any, used again and again: a write holds its own until it is done. */
export class RequestBuffers {
  readonly #spare: Buffer<ArrayBuffer>[] = []

  take(): Buffer<ArrayBuffer> {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(WRITE_BYTES_MAX + ARGUMENT_BYTES)
  }

  giveBack(buffer: Buffer<ArrayBuffer>): void {
    if (this.#spare.length < SPARE_MAX) this.#spare.push(buffer)
  }
}
