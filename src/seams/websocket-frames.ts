import { payloadMemory, recycle } from './payloads.ts'

/** What a WebSocket frame is for (RFC 6455, 5.2). */
export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

const FIN = 0x80
const MASKED = 0x80

/**
 * A message as bytes for the socket: one frame of its first part, which is short, and one of all others, which stay where
 * they are. `ws` makes a frame and a system call of each part.
 * @param masked as what a client sends must be: with zeros, which change nothing
 */
export function framesOf([front, ...rest]: readonly Uint8Array[], masked: boolean): [Uint8Array, ...Uint8Array[]] {
  const first = front ?? Buffer.alloc(0)
  let restBytes = 0
  for (const part of rest) restBytes += part.length
  const before = headerBytes(first.length, masked)
  const together = Buffer.allocUnsafe(before + first.length + (restBytes === 0 ? 0 : headerBytes(restBytes, masked)))
  putHeader(together, 0, Opcode.binary | (restBytes === 0 ? FIN : 0), first.length, masked)
  together.set(first, before)
  if (restBytes === 0) return [together]
  putHeader(together, before + first.length, Opcode.continuation | FIN, restBytes, masked)
  return [together, ...rest]
}

/** Of the length itself, in a frame of so many bytes. */
function lengthBytes(bytes: number): 0 | 2 | 8 {
  return bytes < 126 ? 0 : bytes < 65_536 ? 2 : 8
}

function headerBytes(bytes: number, masked: boolean): number {
  return 2 + lengthBytes(bytes) + (masked ? 4 : 0)
}

function putHeader(into: Buffer, at: number, opcode: number, bytes: number, masked: boolean): void {
  const length = lengthBytes(bytes)
  into[at] = opcode
  into[at + 1] = (masked ? MASKED : 0) | (length === 0 ? bytes : length === 2 ? 126 : 127)
  if (length === 2) into.writeUInt16BE(bytes, at + 2)
  if (length === 8) into.writeBigUInt64BE(BigInt(bytes), at + 2)
  if (masked) into.fill(0, at + 2 + length, at + 6 + length)
}

export interface FrameSink {
  message(bytes: Buffer): void
  ping(bytes: Buffer): void
  close(reason: string): void
}

interface Frame {
  opcode: number
  fin: boolean
  bytesLeft: number
  mask: Buffer | undefined
  maskAt: number
}

export class FrameError extends Error {
  override readonly name = 'FrameError'
}

const CONTROL_BYTES_MAX = 125
const HEADER_BYTES_MAX = 14

/** Room made for a message before its bytes have come: a peer that only announces much costs little. */
const FIRST_ROOM_BYTES = 64 * 1024

/**
 * Cuts the bytes of a socket into WebSocket messages, copying each byte of a message once, to where it stays. `ws` copies
 * the bytes of a fragmented message twice, and each of its copies is memory that the collector has to find again: at
 * hundreds of MB/s that was a third of a chunkserver's time.
 */
export class FrameReader {
  readonly #sink: FrameSink
  readonly #messageBytesMax: number
  readonly #header = Buffer.alloc(HEADER_BYTES_MAX)
  #headerBytes = 0
  /** Of the frame being read; undefined while its header is. */
  #frame: Frame | undefined
  #control = Buffer.alloc(CONTROL_BYTES_MAX)
  #controlBytes = 0
  /** The message that grows, fragment by fragment. */
  #message: Buffer = Buffer.alloc(0)
  #messageBytes = 0
  #inMessage = false
  /** Where the message's second fragment starts: ours is the payload, which the disk takes as it is if it starts at a page. */
  #alignedAt = 0

  constructor(sink: FrameSink, messageBytesMax: number) {
    this.#sink = sink
    this.#messageBytesMax = messageBytesMax
  }

  /** @throws FrameError what came is not a WebSocket stream we speak, or too long: close the connection */
  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length || this.#frame?.bytesLeft === 0;) {
      at = this.#frame === undefined ? this.#readHeader(chunk, at) : this.#readPayload(this.#frame, chunk, at)
    }
  }

  #readHeader(chunk: Buffer, at: number): number {
    while (at < chunk.length) {
      this.#header[this.#headerBytes++] = chunk[at++] ?? 0
      if (this.#headerBytes >= 2 && this.#headerBytes === this.#headerLength()) {
        this.#beginFrame()
        return at
      }
    }
    return at
  }

  #headerLength(): number {
    const second = this.#header[1] ?? 0
    const short = second & 0x7f
    return 2 + (short === 126 ? 2 : short === 127 ? 8 : 0) + ((second & 0x80) === 0 ? 0 : 4)
  }

  #beginFrame(): void {
    const header = this.#header
    const first = header.readUInt8(0)
    const second = header.readUInt8(1)
    const short = second & 0x7f
    const bytes = short === 126 ? header.readUInt16BE(2) : short === 127 ? Number(header.readBigUInt64BE(2)) : short
    const mask = (second & 0x80) === 0 ? undefined : header.subarray(this.#headerBytes - 4, this.#headerBytes)
    this.#headerBytes = 0
    const frame = {
      opcode: first & 0x0f, fin: (first & 0x80) !== 0, bytesLeft: bytes, maskAt: 0,
      // A mask of zeros changes nothing: our own clients send it to spare both ends the work.
      mask: mask === undefined || mask.readUInt32BE(0) === 0 ? undefined : Buffer.from(mask),
    }
    if ((first & 0x70) !== 0) throw new FrameError('a frame with reserved bits')
    if (frame.opcode >= Opcode.close) {
      if (!frame.fin || bytes > CONTROL_BYTES_MAX) throw new FrameError('a control frame that is too long')
      this.#controlBytes = 0
    } else {
      this.#beginFragment(frame.opcode, bytes)
    }
    this.#frame = frame
  }

  #beginFragment(opcode: number, bytes: number): void {
    if (opcode !== Opcode.binary && opcode !== Opcode.continuation) throw new FrameError('only binary messages mean anything here')
    if ((opcode === Opcode.continuation) !== this.#inMessage) throw new FrameError('a fragment out of order')
    const total = this.#messageBytes + bytes
    if (total > this.#messageBytesMax) throw new FrameError(`a message of ${total} bytes`)
    if (this.#inMessage) this.#alignedAt ||= this.#messageBytes
    this.#inMessage = true
  }

  /** Sees to room for `bytes` more: for all that the frame announces, once a little of it has come. */
  #makeRoom(bytes: number, frame: Frame): void {
    const needed = this.#messageBytes + bytes
    if (needed <= this.#message.length) return
    const announced = this.#messageBytes + frame.bytesLeft
    const room = needed > FIRST_ROOM_BYTES ? announced : Math.min(announced, FIRST_ROOM_BYTES)
    const grown = payloadMemory(room, this.#alignedAt)
    this.#message.copy(grown, 0, 0, this.#messageBytes)
    recycle(this.#message)
    this.#message = grown
  }

  #readPayload(frame: Frame, chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + frame.bytesLeft)
    const bytes = end - at
    if (frame.mask !== undefined) unmask(chunk, at, end, frame.mask, frame.maskAt)
    frame.maskAt = (frame.maskAt + bytes) % 4
    if (frame.opcode >= Opcode.close) {
      chunk.copy(this.#control, this.#controlBytes, at, end)
      this.#controlBytes += bytes
    } else {
      this.#makeRoom(bytes, frame)
      chunk.copy(this.#message, this.#messageBytes, at, end)
      this.#messageBytes += bytes
    }
    frame.bytesLeft -= bytes
    if (frame.bytesLeft === 0) this.#endFrame(frame.opcode, frame.fin)
    return end
  }

  #endFrame(opcode: number, fin: boolean): void {
    this.#frame = undefined
    const control = this.#control.subarray(0, this.#controlBytes)
    if (opcode === Opcode.close) this.#sink.close(control.subarray(2).toString())
    else if (opcode === Opcode.ping) this.#sink.ping(Buffer.from(control))
    else if (fin && opcode < Opcode.close) {
      const message = this.#message
      this.#message = Buffer.alloc(0)
      this.#messageBytes = 0
      this.#inMessage = false
      this.#alignedAt = 0
      this.#sink.message(message)
    }
  }
}

function unmask(bytes: Buffer, from: number, to: number, mask: Buffer, maskAt: number): void {
  for (let at = from; at < to; at++) bytes[at] = (bytes[at] ?? 0) ^ (mask[(maskAt + at - from) & 3] ?? 0)
}
