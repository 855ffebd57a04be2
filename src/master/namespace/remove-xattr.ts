import type { Decided, EntryReply, EntryRequest } from '../entries.ts'
import type { MasterState } from '../state/index.ts'
import { existing, refuse } from './permissions.ts'
import { demandXattrWrite } from './xattrs.ts'

/** Removes one extended attribute. */
export function removeXattr(
  state: MasterState, request: EntryRequest<'removeXattr'>, { atNs }: Decided,
): EntryReply<'removeXattr'> {
  const { inode, name, caller } = request
  const before = existing(state, inode)
  demandXattrWrite(caller, before, name)
  if (state.xattr(inode, name) === undefined) refuse('no-such-attribute', `${name} is not set`)
  state.removeXattr(inode, name)
  state.setInode(inode, { ...before, changedNs: atNs, hasXattrs: state.xattrsOf(inode).length > 0 })
  return {}
}
