import type { ChunkId, ChunkVersion } from '../../protocol/identifiers.ts'
import { limits } from '../../protocol/limits.ts'
import type { Decided, Effects, EntryReply, EntryRequest } from '../entries.ts'
import type { MasterState } from '../state/index.ts'
import { existingFile, refuse } from './permissions.ts'

/** Gives a file the chunk of an index, or tells the one it has. The size stays: bytes have yet to be written. */
export function allocateChunk(
  state: MasterState, { inode, index }: EntryRequest<'allocateChunk'>, decided: Decided, effects: Effects,
): EntryReply<'allocateChunk'> {
  const file = existingFile(state, inode)
  if ((index + 1) * file.chunkSizeBytes > limits.fileBytesMax) refuse('too-large', 'beyond the largest size of a file')
  const there = state.chunkAt(inode, index)
  if (there !== undefined) {
    // Whoever asks for it is about to write to it.
    if (index === 0) state.setWritten(inode)
    return { chunk: there.chunk, version: there.version, created: false }
  }
  const chunk = decided.newId as ChunkId
  const version = decided.version as ChunkVersion
  const cut = state.addChunk({ chunk, inode, index, version })
  if (cut !== undefined) effects.freed.push(cut)
  state.setInode(inode, { ...file, chunkCount: file.chunkCount + 1 })
  return { chunk, version, created: true }
}
