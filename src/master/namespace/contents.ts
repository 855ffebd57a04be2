import type { ChunkIndex, InodeId } from '../../protocol/identifiers.ts'
import type { Effects } from '../entries.ts'
import type { Inode, MasterState } from '../state/index.ts'

/** Takes the chunks from `first` to `first + count - 1` from a file. @returns how many there were */
export function freeChunks(
  state: MasterState, inode: InodeId, { first, count, limit }: { first: ChunkIndex, count: number, limit?: number },
  effects: Effects,
): number {
  const chunks = state.chunksOf(inode, first, count, limit)
  for (const chunk of chunks) {
    state.removeChunk(inode, chunk)
    effects.freed.push(chunk.chunk)
  }
  return chunks.length
}

/** A file cut or grown to a size. Only whole chunks go here: the client has cut the last one at its primary. */
export function resized(
  state: MasterState, inode: InodeId, file: Inode, { sizeBytes, atNs }: { sizeBytes: number, atNs: bigint }, effects: Effects,
): Inode {
  const first = Math.ceil(sizeBytes / file.chunkSizeBytes) as ChunkIndex
  const freed = file.chunkCount === 0 ? 0
    : freeChunks(state, inode, { first, count: Number.MAX_SAFE_INTEGER }, effects)
  return {
    ...file,
    sizeBytes,
    chunkCount: file.chunkCount - freed,
    modifiedNs: atNs,
    changedNs: atNs,
    contentVersion: file.contentVersion + 1,
  }
}
