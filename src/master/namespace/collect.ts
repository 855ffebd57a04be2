import type { ChunkIndex, InodeId } from '../../protocol/identifiers.ts'
import type { Decided, Effects, EntryReply, EntryRequest } from '../entries.ts'
import type { MasterState } from '../state/index.ts'
import { freeChunks } from './contents.ts'

/** A huge file goes in pieces, so that nobody waits behind its removal. */
const CHUNKS_PER_ENTRY = 4_096

/** Removes orphans nobody has open; those with too many chunks lose some, and come again. */
export function collect(
  state: MasterState, { inodes }: EntryRequest<'collect'>, _decided: Decided, effects: Effects,
): EntryReply<'collect'> {
  const unfinished: InodeId[] = []
  let room = CHUNKS_PER_ENTRY
  for (const inode of inodes) {
    const file = state.inode(inode)
    if (file?.links !== 0) continue
    const freed = file.chunkCount === 0 || room === 0 ? 0
      : freeChunks(state, inode, { first: 0 as ChunkIndex, count: Number.MAX_SAFE_INTEGER, limit: room }, effects)
    room -= freed
    if (freed === file.chunkCount) {
      state.removeInode(inode)
    } else {
      state.setInode(inode, { ...file, chunkCount: file.chunkCount - freed })
      unfinished.push(inode)
    }
  }
  return { unfinished }
}
