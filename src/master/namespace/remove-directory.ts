import type { Decided, EntryReply, EntryRequest } from '../entries.ts'
import type { MasterState } from '../state/index.ts'
import { isEmpty, touchDirectory } from './names.ts'
import { demandRemoval, existing, refuse, searchable } from './permissions.ts'

/** Removes an empty directory. */
export function removeDirectory(
  state: MasterState, request: EntryRequest<'removeDirectory'>, { atNs }: Decided,
): EntryReply<'removeDirectory'> {
  const { parent, name, caller } = request
  const directory = searchable(state, parent, caller)
  const inode = state.entry(parent, name) ?? refuse('no-such-entry', `no ${name} there`)
  const child = existing(state, inode)
  demandRemoval(caller, directory, child)
  if (child.type !== 'directory') refuse('not-a-directory', `${name} is a ${child.type}`)
  if (!isEmpty(state, inode)) refuse('not-empty', `${name} is not empty`)
  state.removeEntry(parent, name)
  state.removeInode(inode)
  touchDirectory(state, parent, atNs, -1)
  return {}
}
