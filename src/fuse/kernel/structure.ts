/** Widths of <linux/fuse.h>. A `u64` or `s64` is exact up to 2^53: the kernel's inode numbers, offsets and times stay below. */
type Width = 'u16' | 'u32' | 's32' | 'u64' | 's64'

const BYTES = { u16: 2, u32: 4, s32: 4, u64: 8, s64: 8 } as const satisfies Record<Width, number>
const HIGH = 2 ** 32

/** One structure of the kernel protocol: little-endian fields, one behind the other. */
export interface Structure<Values> {
  readonly sizeBytes: number
  /** @throws RangeError the buffer ends before the structure does */
  decode(from: Buffer, at?: number): Values
  /** Absent fields become 0. */
  encode(values: Partial<Values>): Buffer
  encodeInto(into: Buffer, at: number, values: Partial<Values>): void
}

/** Declares a structure by its fields in the order of the header file, which pads by hand: no gap is ever needed. */
export function structure<const Fields extends Record<string, Width>>(
  fields: Fields,
): Structure<{ [Key in keyof Fields]: number }> {
  type Values = { [Key in keyof Fields]: number }
  let end = 0
  const layout = Object.entries(fields).map(([key, width]) => {
    const at = end
    end += BYTES[width]
    return { key, width, at }
  })
  const sizeBytes = end
  const encodeInto = (into: Buffer, start: number, values: Partial<Values>): void => {
    for (const { key, width, at } of layout) write(into, width, start + at, values[key] ?? 0)
  }
  return {
    sizeBytes,
    decode: (from, start = 0) => {
      if (from.length < start + sizeBytes) {
        throw new RangeError(`message ends after ${String(from.length - start)} of ${String(sizeBytes)} bytes`)
      }
      const values: Record<string, number> = {}
      for (const { key, width, at } of layout) values[key] = read(from, width, start + at)
      return values as Values
    },
    encode: values => {
      const buffer = Buffer.allocUnsafe(sizeBytes)
      encodeInto(buffer, 0, values)
      return buffer
    },
    encodeInto,
  }
}

function read(from: Buffer, width: Width, at: number): number {
  switch (width) {
    case 'u16': return from.readUInt16LE(at)
    case 'u32': return from.readUInt32LE(at)
    case 's32': return from.readInt32LE(at)
    case 'u64': return from.readUInt32LE(at) + from.readUInt32LE(at + 4) * HIGH
    case 's64': return from.readUInt32LE(at) + from.readInt32LE(at + 4) * HIGH
  }
}

function write(into: Buffer, width: Width, at: number, value: number): void {
  switch (width) {
    case 'u16': into.writeUInt16LE(value, at); return
    case 'u32': into.writeUInt32LE(value, at); return
    case 's32': into.writeInt32LE(value, at); return
    case 'u64':
    case 's64': {
      const high = Math.floor(value / HIGH)
      into.writeUInt32LE(value - high * HIGH, at)
      if (width === 'u64') into.writeUInt32LE(high, at + 4)
      else into.writeInt32LE(high, at + 4)
    }
  }
}
