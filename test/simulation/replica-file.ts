import { decodeHeader, HEADER_BYTES, type Header } from '../../src/chunkserver/store/header.ts'
import { dataStart } from '../../src/chunkserver/store/table.ts'

/** The file of a replica, taken apart; no header where there is none that makes sense. */
export function readReplica(file: Buffer): { header: Header | undefined, table: Buffer, bytes: Buffer } {
  const read = decodeHeader(file.subarray(0, HEADER_BYTES))
  if (read.found !== 'header') return { header: undefined, table: Buffer.alloc(0), bytes: Buffer.alloc(0) }
  const from = dataStart(read.header.origin)
  return { header: read.header, table: file.subarray(HEADER_BYTES, from), bytes: file.subarray(from) }
}
