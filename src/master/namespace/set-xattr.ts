import type { Decided, EntryReply, EntryRequest } from '../entries.ts'
import type { MasterState } from '../state/index.ts'
import { existing, refuse } from './permissions.ts'
import { demandRoomInList, demandXattrWrite } from './xattrs.ts'

/** Sets one extended attribute. */
export function setXattr(
  state: MasterState, request: EntryRequest<'setXattr'>, { atNs }: Decided,
): EntryReply<'setXattr'> {
  const { inode, name, value, mode, caller } = request
  const before = existing(state, inode)
  demandXattrWrite(caller, before, name)
  const names = state.xattrsOf(inode)
  const exists = names.includes(name)
  if (mode === 'create' && exists) refuse('already-exists', `${name} is set`)
  if (mode === 'replace' && !exists) refuse('no-such-attribute', `${name} is not set`)
  if (!exists) demandRoomInList(names, name)
  state.setXattr(inode, name, value)
  state.setInode(inode, { ...before, changedNs: atNs, hasXattrs: true })
  return {}
}
