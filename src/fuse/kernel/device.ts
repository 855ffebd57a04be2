import fs from 'node:fs'

/** The kernel accepts no answer in more pieces than this (UIO_MAXIOV). */
const PIECES_MAX = 1024
/** Blocked invalidations hold a thread of the pool each; more wait for these. */
const LATE_SENDS_MAX = 4

/** The open device: requests come out of it and answers go in, one message a call. */
export class Device {
  readonly fd: number
  #sending = 0
  readonly #waiting: (() => void)[] = []

  constructor(fd: number) {
    this.fd = fd
  }

  /** The next request, as far as its bytes go. Holds a thread of the pool. @throws ENODEV after the unmount */
  receive(into: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.read(this.fd, into, 0, into.length, null, (error, bytes) => {
        if (error === null) resolve(bytes)
        else reject(error)
      })
    })
  }

  /** Hands a message to the kernel before this returns: answers, and notices that can wait for nobody. */
  send(parts: readonly Uint8Array[]): void {
    fs.writevSync(this.fd, pieces(parts))
  }

  /** Hands over a message that may have to wait for answers of ours, and so must not hold up this thread. */
  async sendLate(parts: readonly Uint8Array[]): Promise<void> {
    while (this.#sending >= LATE_SENDS_MAX) await new Promise<void>(resolve => { this.#waiting.push(resolve) })
    this.#sending++
    try {
      await new Promise<void>((resolve, reject) => {
        fs.writev(this.fd, pieces(parts), error => {
          if (error === null) resolve()
          else reject(error)
        })
      })
    } finally {
      this.#sending--
      this.#waiting.shift()?.()
    }
  }

  close(): void {
    fs.closeSync(this.fd)
  }
}

/** One message is one call: what is in too many pieces is put together. */
function pieces(parts: readonly Uint8Array[]): Uint8Array[] {
  return parts.length <= PIECES_MAX ? [...parts] : [Buffer.concat(parts)]
}

/** The errno of a failed call on the device, as text. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
