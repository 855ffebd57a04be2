import { DfsError } from '../../protocol/errors.ts'
import { chunkIndexAt, type ChunkIndex, type InodeId } from '../../protocol/identifiers.ts'
import { limits } from '../../protocol/limits.ts'
import type { DataMaster } from './data-path.ts'

/** A file whose chunks are looked for. */
export interface FileExtent {
  inode: InodeId
  chunkSizeBytes: number
  sizeBytes: number
}

/** Next byte of a chunk that exists, at or behind the offset. @throws DfsError 'no-data-there' */
export async function nextData(master: DataMaster, file: FileExtent, offsetBytes: number): Promise<number> {
  let next = chunkIndexAt(offsetBytes, file.chunkSizeBytes)
  while (offsetBytes < file.sizeBytes && next * file.chunkSizeBytes < file.sizeBytes) {
    const found = await master.locate(file.inode, next, limits.locatePageMax)
    const start = Math.min(...found.map(({ index }) => index)) * file.chunkSizeBytes
    if (start < file.sizeBytes) return Math.max(offsetBytes, start)
    next = (next + limits.locatePageMax) as ChunkIndex
  }
  throw new DfsError('no-data-there', `there is no data at or behind ${offsetBytes}`)
}

/** Next byte without a chunk, the end of the file at the latest. @throws DfsError 'no-data-there' it is behind the end */
export async function nextHole(master: DataMaster, file: FileExtent, offsetBytes: number): Promise<number> {
  if (offsetBytes >= file.sizeBytes) throw new DfsError('no-data-there', `the file ends before ${offsetBytes}`)
  let next = chunkIndexAt(offsetBytes, file.chunkSizeBytes)
  while (next * file.chunkSizeBytes < file.sizeBytes) {
    const page = await master.locate(file.inode, next, limits.locatePageMax)
    const found = new Set(page.map(({ index }) => index))
    const end = next + limits.locatePageMax
    while (next < end && found.has(next)) next = (next + 1) as ChunkIndex
    if (next < end) break
  }
  return Math.min(file.sizeBytes, Math.max(offsetBytes, next * file.chunkSizeBytes))
}
