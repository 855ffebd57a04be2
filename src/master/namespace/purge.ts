import type { InodeId } from '../../protocol/identifiers.ts'
import type { Decided, Effects, EntryReply, EntryRequest } from '../entries.ts'
import type { MasterState } from '../state/index.ts'
import { existing, owns, refuse } from './permissions.ts'

/** Takes files out of the trash for good; what is not there any more is passed over. */
export function purge(
  state: MasterState, { inodes, caller }: EntryRequest<'purge'>, _decided: Decided, effects: Effects,
): EntryReply<'purge'> {
  const there = [...new Set(inodes)].filter(inode => state.trash.has(inode))
  const sizes = there.map(inode => {
    const file = existing(state, inode)
    if (!owns(caller, file)) refuse('not-permitted', 'only its owner empties a file out of the trash')
    return file.sizeBytes
  })
  for (const inode of there) discard(state, inode, effects)
  return { files: there.length, bytes: sizes.reduce((sum, size) => sum + size, 0) }
}

/** Takes files out of the trash for good whose time has come, the earliest first. */
export function expireTrash(
  state: MasterState, { limit }: EntryRequest<'expireTrash'>, { atNs }: Decided, effects: Effects,
): EntryReply<'expireTrash'> {
  for (const inode of state.trash.due(Number(atNs / 1_000_000n), limit)) discard(state, inode, effects)
  return {}
}

/** From here on the file is like any other without a name: collected when nobody has it open. */
function discard(state: MasterState, inode: InodeId, effects: Effects): void {
  state.takeFromTrash(inode)
  state.addOrphan(inode)
  effects.orphaned.push(inode)
}
