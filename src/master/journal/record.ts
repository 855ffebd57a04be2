import { crc32 } from '@node-rs/crc32'
import { Packr } from 'msgpackr'

/**
 * A record is what was appended in one go: length u32, crc32 u32, format u8, body (msgpack: first index, entries).
 * Big-endian. It is one record and not one for each entry, because it is synced as one: when a power cut tears it, its
 * end may have reached the disk without its beginning, and must not look like a good record behind a bad one.
 */
const RECORD_FORMAT = 1
const FRONT_BYTES = 9

const SEGMENT_MAGIC = Buffer.from('dfs-jrnl', 'latin1')
/** Magic, first index. */
export const SEGMENT_HEADER_BYTES = 16

const packr = new Packr({ useRecords: false, moreTypes: false, variableMapSize: true })

export interface JournalRecord {
  firstIndex: number
  /** How many entries it has. */
  count: number
  /** Takes the entries apart, which costs most of what reading a journal costs. */
  entries(): unknown[]
  /** Where the next one begins. */
  end: number
}

export function encodeRecord(firstIndex: number, entries: readonly unknown[]): Buffer {
  const body = packr.pack([firstIndex, entries])
  // In one piece, which one call of the system writes.
  const record = Buffer.allocUnsafe(FRONT_BYTES + body.length)
  record.writeUInt32BE(body.length, 0)
  record[8] = RECORD_FORMAT
  record.set(body, FRONT_BYTES)
  record.writeUInt32BE(checksumOf(record, body), 4)
  return record
}

/** The record at an offset; none when there is no whole and undamaged one. */
export function decodeRecord(segment: Buffer, at: number): JournalRecord | undefined {
  const end = endOfRecord(segment, at)
  if (end === undefined) return undefined
  const body = segment.subarray(at + FRONT_BYTES, end)
  const firstIndex = numberAt(body, 1)
  const count = numberAt(body, 1 + firstIndex.widthBytes)
  return {
    firstIndex: firstIndex.value,
    count: count.value,
    entries: () => (packr.unpack(body) as [number, unknown[]])[1],
    end,
  }
}

/** A number that is not negative, or the length of an array, as msgpack writes them. */
function numberAt(body: Buffer, at: number): { value: number, widthBytes: number } {
  const first = body.readUInt8(at)
  if (first < 0x80) return { value: first, widthBytes: 1 }
  switch (first) {
    case 0xcc: return { value: body.readUInt8(at + 1), widthBytes: 2 }
    case 0xcd: case 0xdc: return { value: body.readUInt16BE(at + 1), widthBytes: 3 }
    case 0xce: case 0xdd: return { value: body.readUInt32BE(at + 1), widthBytes: 5 }
    case 0xcb: return { value: body.readDoubleBE(at + 1), widthBytes: 9 }
    default: return { value: first & 0x0f, widthBytes: 1 }
  }
}

/** Where a good record begins behind an offset at which there is none, and before another. */
export function findRecord(segment: Buffer, { behind, before }: { behind: number, before: number }): number | undefined {
  for (let at = behind + 1; at < before; at++) {
    if (endOfRecord(segment, at) !== undefined) return at
  }
  return undefined
}

function endOfRecord(segment: Buffer, at: number): number | undefined {
  if (at + FRONT_BYTES > segment.length) return undefined
  const lengthBytes = segment.readUInt32BE(at)
  const end = at + FRONT_BYTES + lengthBytes
  if (lengthBytes === 0 || end > segment.length || segment[at + 8] !== RECORD_FORMAT) return undefined
  const front = segment.subarray(at, at + FRONT_BYTES)
  return checksumOf(front, segment.subarray(at + FRONT_BYTES, end)) === front.readUInt32BE(4) ? end : undefined
}

function checksumOf(front: Buffer, body: Buffer): number {
  return crc32(body, crc32(front.subarray(8, 9), crc32(front.subarray(0, 4))))
}

export function encodeSegmentHeader(firstIndex: number): Buffer {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES)
  SEGMENT_MAGIC.copy(header)
  header.writeBigUInt64BE(BigInt(firstIndex), 8)
  return header
}

export function isSegmentHeader(segment: Buffer, firstIndex: number): boolean {
  return segment.subarray(0, SEGMENT_HEADER_BYTES).equals(encodeSegmentHeader(firstIndex))
}
