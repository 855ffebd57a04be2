import type { ChunkIndex, InodeId } from '../../protocol/identifiers.ts'
import type { Decided, Effects, EntryReply, EntryRequest } from '../entries.ts'
import type { Inode, MasterState } from '../state/index.ts'
import { CHUNKS_PER_ENTRY } from './contents.ts'

/** Removes the chunks that cuts have hidden; what has too many loses some, and comes again. */
export function trim(
  state: MasterState, { inodes }: EntryRequest<'trim'>, _decided: Decided, effects: Effects,
): EntryReply<'trim'> {
  let room = CHUNKS_PER_ENTRY
  for (const inode of inodes) room = trimOne(state, inode, room, effects)
  return { unfinished: inodes.filter(inode => state.trimsOf(inode).length > 0) }
}

/** Removes what nobody has open and nobody will miss; what has too many chunks loses some, and comes again. */
export function collect(
  state: MasterState, { inodes }: EntryRequest<'collect'>, _decided: Decided, effects: Effects,
): EntryReply<'collect'> {
  const unfinished: InodeId[] = []
  let room = CHUNKS_PER_ENTRY
  for (const inode of inodes) {
    const file = state.inode(inode)
    if (file === undefined) continue
    if (!state.isOrphan(inode)) {
      freeUnwritten(state, inode, file, effects)
      continue
    }
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

/** Takes back the chunk that was made with a file, where nobody has written to it. */
function freeUnwritten(state: MasterState, inode: InodeId, file: Inode, effects: Effects): void {
  if (!state.isUnwritten(inode)) return
  const first = state.chunkAt(inode, 0 as ChunkIndex)
  if (first === undefined) return
  state.removeChunk(inode, first)
  state.setInode(inode, { ...file, chunkCount: file.chunkCount - 1 })
  effects.freed.push(first.chunk)
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
