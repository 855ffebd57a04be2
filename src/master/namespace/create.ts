import type { Attributes } from '../../protocol/attributes.ts'
import type { ChunkId, ChunkIndex, ChunkVersion, InodeId } from '../../protocol/identifiers.ts'
import type { Decided, Effects, EntryRequest } from '../entries.ts'
import type { Inode, MasterState } from '../state/index.ts'
import { attributesOf } from './attributes.ts'
import { resized } from './contents.ts'
import { newInode } from './make.ts'
import { touchDirectory } from './names.ts'
import { demand, existing, isRoot, refuse, searchable, Want, withoutSetId } from './permissions.ts'

/** open(2) with O_CREAT: makes the file, or opens the one that is there. Counting the open is the leader's. */
export function create(
  state: MasterState, request: EntryRequest<'create'>, decided: Decided, effects: Effects,
): Attributes {
  const { parent, name, mode, exclusive, caller } = request
  const directory = searchable(state, parent, caller)
  const there = state.entry(parent, name)
  if (there !== undefined) {
    if (exclusive) refuse('already-exists', `${name} exists`)
    return openExisting(state, there, request, decided, effects)
  }
  demand(caller, directory, Want.write)
  const inode = decided.newId as InodeId
  // A new file's mode does not bind the handle that made it.
  const made: Inode = newInode({ type: 'file', mode }, { parent, directory, caller, decided })
  const record = decided.newChunk === 0 ? made : { ...made, chunkCount: 1 }
  state.addInode(inode, record)
  if (decided.newChunk !== 0) {
    state.addChunk({
      chunk: decided.newChunk as ChunkId, inode, index: 0 as ChunkIndex, version: decided.version as ChunkVersion,
    })
    state.setUnwritten(inode)
  }
  state.setEntry(parent, name, inode)
  touchDirectory(state, parent, decided.atNs)
  return attributesOf(state, inode, record)
}

function openExisting(
  state: MasterState, inode: InodeId, { read, write, truncate, caller }: EntryRequest<'create'>, { atNs }: Decided,
  effects: Effects,
): Attributes {
  const file = existing(state, inode)
  if (file.type === 'directory') refuse('is-a-directory', 'a directory has that name')
  if (file.type === 'symlink') refuse('loop', 'a symbolic link has that name')
  if (file.type !== 'file') refuse('not-supported', `a ${file.type} has that name, which has no contents here`)
  demand(caller, file, (read ? Want.read : 0) | (write || truncate ? Want.write : 0))
  if (!truncate) return attributesOf(state, inode, file)
  const cut = resized(state, inode, file, { sizeBytes: 0, atNs }, effects)
  const record = isRoot(caller) ? cut : { ...cut, mode: withoutSetId(cut.mode) }
  state.setInode(inode, record)
  return attributesOf(state, inode, record)
}
