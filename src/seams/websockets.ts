import http from 'node:http'
import net from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'
import { DialError, type Connection, type Network } from './network.ts'
import { acceptShared, connectShared, takeReads } from './shared-reads.ts'
import { FrameReader, framesOf } from './websocket-frames.ts'

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
        createConnection: ((to: net.TcpNetConnectOpts) => connectShared(to)) as typeof net.connect,
      })
      const failed = (error: Error): void => { reject(dialError(address, error)) }
      socket.once('error', failed)
      socket.once('upgrade', response => {
        socket.once('open', () => {
          socket.off('error', failed)
          resolve(new SocketConnection(socket, response.socket, address, { ...options, masked: true }))
        })
      })
    }),
    listen: (address, onConnection) => new Promise((resolve, reject) => {
      const { host, port } = split(address)
      const upgrades = new WebSocketServer({ ...shared, noServer: true })
      const web = http.createServer((_request, response) => {
        response.writeHead(426, { connection: 'close' }).end('This port speaks the WebSocket protocol of dfs.\n')
      })
      web.on('upgrade', (request, socket, head) => {
        upgrades.handleUpgrade(request, socket, head, upgraded => {
          const remote = `${request.socket.remoteAddress ?? '?'}:${String(request.socket.remotePort)}`
          onConnection(new SocketConnection(upgraded, request.socket, remote, { ...options, masked: false }))
        })
      })
      const sockets = new Set<net.Socket>()
      const server = net.createServer({ pauseOnConnect: true, noDelay: true }, accepted => {
        const socket = acceptShared(accepted)
        sockets.add(socket)
        socket.once('close', () => sockets.delete(socket))
        web.emit('connection', socket)
      })
      const failed = (error: Error): void => { reject(dialError(address, error)) }
      server.once('error', failed)
      server.listen({ host, port }, () => {
        server.off('error', failed)
        resolve({
          address: `${host}:${String(portOf(server))}`,
          close: () => new Promise(closed => {
            server.close(() => { closed() })
            for (const socket of sockets) socket.destroy()
          }),
        })
      })
    }),
  }
}

function portOf(server: net.Server): number {
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new DialError('EINVAL', 'a TCP server has a port')
  return bound.port
}

class SocketConnection implements Connection {
  readonly remote: string
  readonly #socket: WebSocket
  readonly #stream: net.Socket
  readonly #masked: boolean
  onMessage: (message: Buffer) => void = () => {}
  onClose: (reason: string) => void = () => {}
  #waiters: (() => void)[] = []
  #fault = ''

  constructor(
    socket: WebSocket, stream: net.Socket, remote: string,
    { messageBytesMax, masked }: WebSocketOptions & { masked: boolean },
  ) {
    this.#socket = socket
    this.#stream = stream
    this.#masked = masked
    this.remote = remote
    this.#readFrames(stream, messageBytesMax)
    socket.on('error', error => { this.#fault = error.message })
    socket.once('close', (code, reason) => {
      this.#wake()
      this.onClose(this.#fault || reason.toString() || `connection closed (${String(code)})`)
    })
  }

  /** Takes reading over from `ws`, which keeps the handshake and the life of the socket. */
  #readFrames(stream: net.Socket, messageBytesMax: number): void {
    const reader = new FrameReader({
      message: bytes => { this.onMessage(bytes) },
      ping: bytes => { this.#socket.pong(bytes) },
      close: reason => {
        this.#fault ||= reason || 'the other end closed the connection'
        stream.end()
      },
    }, messageBytesMax)
    stream.setNoDelay(true)
    let broken = false
    takeReads(stream, chunk => {
      if (broken) return
      try {
        reader.push(chunk)
      } catch (error) {
        broken = true
        this.close(error instanceof Error ? error.message : String(error))
      }
    })
  }

  get waitingBytes(): number {
    return this.#socket.bufferedAmount
  }

  send(parts: readonly Uint8Array[], left?: () => void): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return
    const frames = framesOf(parts, this.#masked)
    const last = frames.length - 1
    const sent = left === undefined ? this.#sent : (error?: Error | null): void => {
      this.#sent()
      if (error == null) left()
    }
    // Corked, they leave with one system call, and wake the receiver once.
    if (last > 0) this.#stream.cork()
    frames.forEach((frame, index) => { this.#stream.write(frame, index < last ? undefined : sent) })
    if (last > 0) this.#stream.uncork()
  }

  readonly #sent = (): void => {
    if (this.#waiters.length > 0 && this.waitingBytes < WAITING_BYTES_HIGH / 2) this.#wake()
  }

  writable(): Promise<void> | undefined {
    if (this.waitingBytes < WAITING_BYTES_HIGH || this.#socket.readyState !== WebSocket.OPEN) return undefined
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
