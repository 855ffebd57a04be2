import type { ChunkIndex, InodeId } from '../../protocol/identifiers.ts'
import type { Decided, Effects, EntryReply, EntryRequest } from '../entries.ts'
import type { MasterState } from '../state/index.ts'
import { CHUNKS_PER_ENTRY } from './contents.ts'

/** Removes the chunks that cuts have hidden; what has too many loses some, and comes again. */
export function trim(
  state: MasterState, { inodes }: EntryRequest<'trim'>, _decided: Decided, effects: Effects,
): EntryReply<'trim'> {
  let room = CHUNKS_PER_ENTRY
  for (const inode of inodes) room = trimOne(state, inode, room, effects)
  return { unfinished: inodes.filter(inode => state.trimsOf(inode).length > 0) }
}

/** Removes orphans nobody has open; what has too many chunks loses some, and comes again. */
export function collect(
  state: MasterState, { inodes }: EntryRequest<'collect'>, _decided: Decided, effects: Effects,
): EntryReply<'collect'> {
  const unfinished: InodeId[] = []
  let room = CHUNKS_PER_ENTRY
  for (const inode of inodes) {
    const file = state.inode(inode)
    if (file === undefined || !state.isOrphan(inode)) continue
    // 1. Hidden chunks first: they are not among the file's any more.
    room = trimOne(state, inode, room, effects)
    if (state.trimsOf(inode).length > 0) {
      unfinished.push(inode)
      continue
    }
    // 2. Then the others, and with the last of them the file.
    const chunks = file.chunkCount === 0 || room === 0 ? []
      : state.chunksOf(inode, 0 as ChunkIndex, Number.MAX_SAFE_INTEGER, room)
    for (const chunk of chunks) {
      state.removeChunk(inode, chunk)
      effects.freed.push(chunk.chunk)
    }
    room -= chunks.length
    if (chunks.length === file.chunkCount) {
      state.removeInode(inode)
    } else {
      state.setInode(inode, { ...file, chunkCount: file.chunkCount - chunks.length })
      unfinished.push(inode)
    }
  }
  return { unfinished }
}

/** @returns how many chunks more the entry may look at */
function trimOne(state: MasterState, inode: InodeId, room: number, effects: Effects): number {
  for (const cut of state.trimsOf(inode)) {
    if (room === 0) return 0
    const { seen, freed } = state.trimSome(inode, cut, room)
    effects.freed.push(...freed)
    room -= seen
  }
  return room
}
