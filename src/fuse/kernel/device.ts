import fs from 'node:fs'
import net from 'node:net'

/** The kernel accepts no answer in more pieces than this (UIO_MAXIOV). */
const PIECES_MAX = 1024
/** Blocked invalidations hold a thread of the pool each; more wait for these. */
const LATE_SENDS_MAX = 4

/**
 * What `net` makes of a file descriptor by itself does not take devices; its own pipe does: a stream that is read when epoll
 * says so. Without it each request costs a thread of the pool, and two more wake-ups than the one that it needs.
 */
const { Pipe, constants: { SOCKET } } = (process as unknown as {
  binding(name: 'pipe_wrap'): {
    Pipe: new (type: number) => { open(fd: number): void }
    constants: { SOCKET: number }
  }
}).binding('pipe_wrap')

/** The open device: requests come out of it and answers go in, one message a call. */
export class Device {
  readonly fd: number
  #stream: net.Socket | undefined
  #sending = 0
  readonly #waiting: (() => void)[] = []

  constructor(fd: number) {
    this.fd = fd
  }

  /** The first request, as far as its bytes go; waits for it in a thread. @throws ENODEV after the unmount */
  receiveFirst(into: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.read(this.fd, into, 0, into.length, null, (error, bytes) => {
        if (error === null) resolve(bytes)
        else reject(error)
      })
    })
  }

  /**
   * All further requests, one at a time, until the unmount.
   * @param take a buffer for the next one, with room for any @param onRequest gets the buffer and how many bytes it has
   */
  async receiveAll(
    take: () => Buffer<ArrayBuffer>, onRequest: (buffer: Buffer<ArrayBuffer>, bytes: number) => void,
  ): Promise<void> {
    const pipe = new Pipe(SOCKET)
    pipe.open(this.fd)
    let buffer = Buffer.alloc(0)
    await new Promise<void>((resolve, reject) => {
      const stream = new net.Socket({
        handle: pipe, readable: true, writable: false,
        onread: {
          buffer: () => buffer = take(),
          callback: (bytes: number) => {
            onRequest(buffer, bytes)
            return true
          },
        },
      } as unknown as net.SocketConstructorOpts)
      this.#stream = stream
      stream.once('error', reject).once('close', resolve)
      stream.resume()
    }).catch((error: unknown) => {
      if (codeOf(error) !== 'ENODEV') throw error
    })
  }

  /** Hands a message to the kernel before this returns: answers, and notices that can wait for nobody. */
  send(parts: readonly Uint8Array[]): void {
    this.#mustBeOpen()
    fs.writevSync(this.fd, pieces(parts))
  }

  /** Hands over a message that may have to wait for answers of ours, and so must not hold up this thread. */
  async sendLate(parts: readonly Uint8Array[]): Promise<void> {
    while (this.#sending >= LATE_SENDS_MAX) await new Promise<void>(resolve => { this.#waiting.push(resolve) })
    this.#mustBeOpen()
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
    if (this.#stream === undefined) fs.closeSync(this.fd)
    else this.#stream.destroy()
  }

  /** The stream closes itself at the unmount: the number may be another file's by now. */
  #mustBeOpen(): void {
    if (this.#stream?.destroyed === true) throw Object.assign(new Error('the mount is gone'), { code: 'ENODEV' })
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
