import { crc32 } from 'node:zlib'
import { z } from 'zod'

/** CRC-32 (ISO-HDLC, as in zlib and PNG) of some bytes. */
export const checksum = z.int().min(0).max(0xffff_ffff).brand('Checksum')
export type Checksum = z.infer<typeof checksum>

/** @param before the checksum of the bytes that stand in front of these */
export function checksumOf(data: Uint8Array, before = 0): Checksum {
  return crc32(data, before) as Checksum
}
