import type { Attributes } from '../../protocol/attributes.ts'
import type { Decided, Effects, EntryRequest } from '../entries.ts'
import type { MasterState } from '../state/index.ts'
import { attributesOf } from './attributes.ts'
import { freeChunks } from './contents.ts'
import { demandContents, existingFile, isRoot, withoutSetId } from './permissions.ts'

/** Makes whole chunks holes. */
export function dropChunks(
  state: MasterState, request: EntryRequest<'dropChunks'>, { atNs }: Decided, effects: Effects,
): Attributes {
  const { inode, first, count, caller } = request
  const before = existingFile(state, inode)
  demandContents(caller, before)
  const freed = freeChunks(state, inode, before, { first, end: first + count }, effects)
  const after = {
    ...before,
    mode: isRoot(caller) ? before.mode : withoutSetId(before.mode),
    chunkCount: before.chunkCount - freed,
    modifiedNs: atNs,
    changedNs: atNs,
    contentVersion: before.contentVersion + 1,
  }
  state.setInode(inode, after)
  return attributesOf(state, inode, after)
}
