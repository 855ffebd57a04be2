import type { Decided, Effects, EntryReply, EntryRequest } from '../entries.ts'
import type { MasterState } from '../state/index.ts'
import { dropLink, touchDirectory } from './names.ts'
import { demandRemoval, existing, refuse, searchable } from './permissions.ts'

/** Removes one name. The chunks stay until the last link and the last open handle are gone. */
export function unlink(
  state: MasterState, request: EntryRequest<'unlink'>, { atNs }: Decided, effects: Effects,
): EntryReply<'unlink'> {
  const { parent, name, caller } = request
  const directory = searchable(state, parent, caller)
  const inode = state.entry(parent, name) ?? refuse('no-such-entry', `no ${name} there`)
  const child = existing(state, inode)
  demandRemoval(caller, directory, child)
  if (child.type === 'directory') refuse('is-a-directory', `${name} is a directory`)
  state.removeEntry(parent, name)
  dropLink(state, inode, child, atNs, effects)
  touchDirectory(state, parent, atNs)
  return {}
}
