import type { ChunkIndex, InodeId } from '../../protocol/identifiers.ts'
import type { Effects } from '../entries.ts'
import type { Inode, MasterState } from '../state/index.ts'

/** A huge file is cut in pieces, so that nobody waits behind it. */
export const CHUNKS_PER_ENTRY = 2_048

/** Takes the chunks from `first` to before `end` from a file. @returns how many there were */
export function freeChunks(
  state: MasterState, inode: InodeId, file: Inode, { first, end }: { first: ChunkIndex, end: number }, effects: Effects,
): number {
  if (file.chunkCount === 0) return 0
  if (file.chunkCount > CHUNKS_PER_ENTRY) {
    const count = state.countChunks(inode, { first, end })
    if (count > CHUNKS_PER_ENTRY) {
      state.trim(inode, { first, end })
      effects.trimmed.push(inode)
      return count
    }
  }
  const chunks = state.chunksOf(inode, first, end - first)
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
  const freed = freeChunks(state, inode, file, { first, end: Number.MAX_SAFE_INTEGER }, effects)
  return {
    ...file,
    sizeBytes,
    chunkCount: file.chunkCount - freed,
    modifiedNs: atNs,
    changedNs: atNs,
    contentVersion: file.contentVersion + 1,
  }
}
