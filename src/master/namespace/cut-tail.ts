import type { ChunkIndex } from '../../protocol/identifiers.ts'
import type { Decided, Effects, EntryReply, EntryRequest } from '../entries.ts'
import type { MasterState } from '../state/index.ts'
import { freeChunks } from './contents.ts'

/**
 * Gives up what writers have sent behind the end of a file and never told of. Whole chunks go here; of the chunk that the file
 * ends in, the leader has the servers cut the rest (src/master/chunks/leftovers.ts). Should a writer turn up after all that
 * wrote there under an older version, it must hear that its bytes are gone: see settle.ts.
 */
export function cutTail(
  state: MasterState, { inode, version }: EntryRequest<'cutTail'>, _decided: Decided, effects: Effects,
): EntryReply<'cutTail'> {
  const file = state.fileOf(inode)
  if (file === undefined) return {}
  const first = Math.ceil(file.sizeBytes / file.chunkSizeBytes) as ChunkIndex
  const freed = freeChunks(state, inode, file, { first, end: Number.MAX_SAFE_INTEGER }, effects)
  const before = state.tailCutOf(inode)
  // Whoever comes from before the cut before this one must not find a later, higher end.
  state.setTailCut(inode, { version, endBytes: Math.min(file.sizeBytes, before?.endBytes ?? Infinity) })
  state.setInode(inode, { ...file, chunkCount: file.chunkCount - freed, contentVersion: file.contentVersion + 1 })
  return {}
}
