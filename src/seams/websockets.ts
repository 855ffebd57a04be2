import { WebSocket, WebSocketServer } from 'ws'
import { DialError, type Connection, type Listener, type Network } from './network.ts'

/** Options shared by both ends. */
export interface WebSocketOptions {
  /** A longer message closes the connection. */
  messageBytesMax: number
}

/** Above this many bytes in our own queue, {@link Connection.writable} waits. */
const WAITING_BYTES_HIGH = 8 * 1024 * 1024

/** A normal closure, and one for a peer that broke the rules (RFC 6455, 7.4.1). */
const CLOSE_NORMAL = 1000

/** WebSocket connections over TCP: binary messages, no compression, and a mask of zeros, which costs no XOR. */
export function webSockets(options: WebSocketOptions): Network {
  const shared = { maxPayload: options.messageBytesMax, perMessageDeflate: false, skipUTF8Validation: true }
  return {
    dial: (address, timeoutMs) => new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://${address}`, {
        ...shared, handshakeTimeout: timeoutMs, generateMask: mask => { mask.fill(0) },
      })
      const failed = (error: Error): void => { reject(dialError(address, error)) }
      socket.once('error', failed)
      socket.once('open', () => {
        socket.off('error', failed)
        resolve(new SocketConnection(socket, address))
      })
    }),
    listen: (address, onConnection) => new Promise((resolve, reject) => {
      const { host, port } = split(address)
      const server = new WebSocketServer({ ...shared, host, port, clientTracking: true })
      const failed = (error: Error): void => { reject(dialError(address, error)) }
      server.once('error', failed)
      server.on('connection', (socket, request) => {
        onConnection(new SocketConnection(socket, `${request.socket.remoteAddress ?? '?'}:${String(request.socket.remotePort)}`))
      })
      server.once('listening', () => {
        server.off('error', failed)
        resolve(listener(server, host))
      })
    }),
  }
}

function listener(server: WebSocketServer, host: string): Listener {
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new DialError('EINVAL', 'a WebSocket server has a port')
  return {
    address: `${host}:${String(bound.port)}`,
    close: () => new Promise(resolve => {
      server.close(() => { resolve() })
      for (const socket of server.clients) socket.terminate()
    }),
  }
}

class SocketConnection implements Connection {
  readonly remote: string
  readonly #socket: WebSocket
  onMessage: (message: Buffer) => void = () => {}
  onClose: (reason: string) => void = () => {}
  #waiters: (() => void)[] = []
  #fault = ''

  constructor(socket: WebSocket, remote: string) {
    this.#socket = socket
    this.remote = remote
    socket.binaryType = 'nodebuffer'
    socket.on('message', (data, isBinary) => {
      if (!isBinary) { this.close('text messages have no meaning here'); return }
      this.onMessage(data as Buffer)
    })
    socket.on('error', error => { this.#fault = error.message })
    socket.once('close', (code, reason) => {
      this.#wake()
      this.onClose(this.#fault || reason.toString() || `connection closed (${String(code)})`)
    })
  }

  get waitingBytes(): number {
    return this.#socket.bufferedAmount
  }

  send(parts: readonly Uint8Array[]): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return
    const last = parts.length - 1
    parts.forEach((part, index) => {
      this.#socket.send(part, { binary: true, fin: index === last }, this.#sent)
    })
  }

  readonly #sent = (): void => {
    if (this.#waiters.length > 0 && this.waitingBytes < WAITING_BYTES_HIGH / 2) this.#wake()
  }

  writable(): Promise<void> {
    if (this.waitingBytes < WAITING_BYTES_HIGH || this.#socket.readyState !== WebSocket.OPEN) return Promise.resolve()
    return new Promise(resolve => { this.#waiters.push(resolve) })
  }

  #wake(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const wake of waiters) wake()
  }

  close(reason: string): void {
    this.#fault ||= reason
    // A peer that does not answer the closing handshake must not keep the socket for ws's own 30 s.
    this.#socket.close(CLOSE_NORMAL, reason.slice(0, 100))
    setTimeout(() => { this.#socket.terminate() }, 1_000).unref()
  }

  pauseReading(): void {
    this.#socket.pause()
  }

  resumeReading(): void {
    this.#socket.resume()
  }
}

function split(address: string): { host: string, port: number } {
  const colon = address.lastIndexOf(':')
  const port = Number(address.slice(colon + 1))
  if (colon <= 0 || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new DialError('EINVAL', `${address}: expected HOST:PORT`)
  }
  return { host: address.slice(0, colon), port }
}

function dialError(address: string, error: Error): DialError {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : 'ECONNREFUSED'
  return new DialError(code, `${address}: ${error.message}`)
}
