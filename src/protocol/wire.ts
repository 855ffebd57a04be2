import { Packr } from 'msgpackr'
import { recycleAs } from '../seams/payloads.ts'
import { DfsError } from './errors.ts'
import { limits } from './limits.ts'

/**
 * A message: kind u8, call u32, method or error u16, header length u32, header (msgpack), payload (all the rest).
 * Big-endian. The payload is never copied through msgpack.
 */
export const MessageKind = { hello: 1, welcome: 2, request: 3, reply: 4, failure: 5, alive: 6 } as const
export type MessageKind = (typeof MessageKind)[keyof typeof MessageKind]

export interface Message {
  kind: MessageKind
  /** Ties a reply to its request; chosen by the caller. */
  call: number
  /** Method number of a request and its reply, error number of a failure, of a sign of life 1 where one is wanted in return. */
  number: number
  header: unknown
  payload: Buffer
}

const PREFIX_BYTES = 11
const EMPTY = Buffer.alloc(0)
const packr = new Packr({ useRecords: false, moreTypes: false, variableMapSize: true })

/** @returns the parts to send one behind the other; the payload buffers are passed on as they are */
export function encodeMessage(
  kind: MessageKind, call: number, number: number, header: unknown, payload: readonly Uint8Array[] = [],
): Uint8Array[] {
  const packed = packr.pack(header)
  const front = Buffer.allocUnsafe(PREFIX_BYTES + packed.length)
  front.writeUInt8(kind, 0)
  front.writeUInt32BE(call, 1)
  front.writeUInt16BE(number, 5)
  front.writeUInt32BE(packed.length, 7)
  front.set(packed, PREFIX_BYTES)
  return [front, ...payload]
}

/** @throws DfsError 'bad-message' */
export function decodeMessage(bytes: Buffer): Message {
  if (bytes.length < PREFIX_BYTES) throw new DfsError('bad-message', `a message of ${String(bytes.length)} bytes`)
  const kind = bytes.readUInt8(0)
  if (kind < MessageKind.hello || kind > MessageKind.alive) {
    throw new DfsError('bad-message', `a message of unknown kind ${String(kind)}`)
  }
  const headerBytes = bytes.readUInt32BE(7)
  const end = PREFIX_BYTES + headerBytes
  if (headerBytes > limits.headerBytesMax || end > bytes.length) {
    throw new DfsError('bad-message', `a header of ${String(headerBytes)} bytes in a message of ${String(bytes.length)}`)
  }
  return {
    kind: kind as MessageKind,
    call: bytes.readUInt32BE(1),
    number: bytes.readUInt16BE(5),
    header: unpack(bytes.subarray(PREFIX_BYTES, end)),
    payload: end === bytes.length ? EMPTY : payloadFrom(bytes, end),
  }
}

function payloadFrom(bytes: Buffer, start: number): Buffer {
  const payload = bytes.subarray(start)
  recycleAs(bytes, payload)
  return payload
}

function unpack(header: Buffer): unknown {
  try {
    return packr.unpack(header)
  } catch (error) {
    throw new DfsError('bad-message', 'a header that is not msgpack', { cause: error })
  }
}
