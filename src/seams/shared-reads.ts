import net from 'node:net'

/** All sockets of a process read into this: whoever takes the bytes takes them before the next read. */
const received = Buffer.allocUnsafeSlow(256 * 1024)

type Taker = (bytes: Buffer) => void

/** Where a socket's bytes go: until somebody takes them, the usual way, as 'data' events. */
class Tap {
  socket: net.Socket | undefined
  take: Taker | undefined

  readonly onread: net.OnReadOpts = {
    buffer: received,
    callback: bytes => {
      const chunk = received.subarray(0, bytes)
      if (this.take === undefined) this.socket?.push(Buffer.from(chunk))
      else this.take(chunk)
      return true
    },
  }
}

const taps = new WeakMap<net.Socket, Tap>()

function tapped(tap: Tap, socket: net.Socket): net.Socket {
  tap.socket = socket
  taps.set(socket, tap)
  return socket
}

/** Connects with a socket that spares the collector a fresh buffer for every read. */
export function connectShared(options: net.TcpNetConnectOpts): net.Socket {
  const tap = new Tap()
  return tapped(tap, net.connect({ ...options, onread: tap.onread }))
}

/**
 * The same connection as a socket that reads into shared memory. Node has the option for sockets one dials only, so an
 * accepted one is given a new shell around its handle.
 */
export function acceptShared(accepted: net.Socket): net.Socket {
  const shell = accepted as net.Socket & { _handle: object | null }
  const handle = shell._handle
  if (handle === null) return accepted
  shell._handle = null
  const tap = new Tap()
  const options = { handle, allowHalfOpen: true, onread: tap.onread }
  const socket = new net.Socket(options as net.SocketConstructorOpts)
  // The server counts its connections by the sockets it made.
  socket.once('close', () => { accepted.destroy() })
  return tapped(tap, socket)
}

/** From now on `take` gets the socket's bytes; they are valid only until it returns. */
export function takeReads(socket: net.Socket, take: Taker): void {
  socket.removeAllListeners('data')
  socket.on('data', take)
  const tap = taps.get(socket)
  if (tap !== undefined) tap.take = take
}
