/** A two-way stream of whole messages. Messages arrive in order and unharmed, or the connection closes. */
export interface Connection {
  /** Who is at the other end, for logs. */
  readonly remote: string
  /** Bytes accepted by {@link send} that have not left this process yet. */
  readonly waitingBytes: number
  /**
   * Sends the parts as one message. They must not change until it has left, when `left` is called; after a close,
   * neither may ever happen.
   */
  send(parts: readonly Uint8Array[], left?: () => void): void
  /** Resolves when few enough bytes wait that sending more makes sense, or the connection has closed. Undefined: now. */
  writable(): Promise<void> | undefined
  /** Must be set in the turn in which the connection was handed over. The message belongs to the receiver. */
  onMessage: (message: Buffer) => void
  /** Called once. */
  onClose: (reason: string) => void
  close(reason: string): void
  /** Stops and restarts reading, so that an overloaded receiver slows its senders down. */
  pauseReading(): void
  resumeReading(): void
}

export interface Listener {
  /** HOST:PORT as bound; a port of 0 asked for has become a real one. */
  readonly address: string
  close(): Promise<void>
}

export interface Network {
  /** @param address HOST:PORT @throws DialError nobody there, or not within `timeoutMs` */
  dial(address: string, timeoutMs: number): Promise<Connection>
  /** @throws DialError the address cannot be bound */
  listen(address: string, onConnection: (connection: Connection) => void): Promise<Listener>
}

export class DialError extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.name = 'DialError'
    this.code = code
  }
}
