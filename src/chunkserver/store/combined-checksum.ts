import { checksumOf, type Checksum } from '../../protocol/checksum.ts'
import { limits } from '../../protocol/limits.ts'

/**
 * Checksums of joined bytes from the checksums of their parts, as in zlib's crc32_combine: appending n bytes multiplies
 * the checksum by x^8n modulo the polynomial. Polynomials are 32-bit numbers with the highest power in the lowest bit.
 */
const POLYNOMIAL = 0xedb88320
const ONE = 0x80000000

function times(left: number, right: number): number {
  let product = 0
  for (let bit = 31; bit >= 0; bit--) {
    product ^= right & -((left >>> bit) & 1)
    right = (right >>> 1) ^ (POLYNOMIAL & -(right & 1))
  }
  return product >>> 0
}

/** x^(8 · 2^n), for the n-th bit of a length in bytes. */
const powers: number[] = [times(0x00800000, ONE)]
for (let bit = 1; bit < 32; bit++) {
  const half = powers[bit - 1] ?? ONE
  powers.push(times(half, half))
}

function shift(lengthBytes: number): number {
  let result = ONE
  for (let bit = 0; lengthBytes > 0; bit++, lengthBytes = Math.floor(lengthBytes / 2)) {
    if (lengthBytes % 2 === 1) result = times(powers[bit] ?? ONE, result)
  }
  return result
}

const BLOCK_SHIFT = shift(limits.blockBytes)

/** The checksum of two stretches of bytes that follow one another. @param behindBytes the length of the second */
export function combine(before: Checksum, behind: Checksum, behindBytes: number): Checksum {
  if (before === 0) return behind
  const by = behindBytes === limits.blockBytes ? BLOCK_SHIFT : shift(behindBytes)
  return ((times(by, before) ^ behind) >>> 0) as Checksum
}

/** Checksums of bytes as a whole and of each full block's worth of them, computed in one pass. */
export interface PiecewiseChecksum {
  whole: Checksum
  /** Of each full 64 KiB, counted from the start of the bytes; what is left over has none. */
  pieces: Checksum[]
}

/** For bytes that will be stored: checks them against `whole`, and spares the store computing `pieces`. */
export function checksumInPieces(data: Uint8Array): PiecewiseChecksum {
  const pieces: Checksum[] = []
  let whole = 0 as Checksum
  let at = 0
  for (; at + limits.blockBytes <= data.length; at += limits.blockBytes) {
    const piece = checksumOf(data.subarray(at, at + limits.blockBytes))
    pieces.push(piece)
    whole = at === 0 ? piece : combine(whole, piece, limits.blockBytes)
  }
  return { whole: at < data.length ? checksumOf(data.subarray(at), whole) : whole, pieces }
}
