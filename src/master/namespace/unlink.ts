import type { Decided, Effects, EntryReply, EntryRequest } from '../entries.ts'
import type { MasterState } from '../state/index.ts'
import { dropLink, touchDirectory } from './names.ts'
import { demandRemoval, existing, refuse, searchable } from './permissions.ts'

/** Removes one name. What happens to a file without names: see {@link dropLink}. */
export function unlink(
  state: MasterState, request: EntryRequest<'unlink'>, decided: Decided, effects: Effects,
): EntryReply<'unlink'> {
  const { parent, name, caller } = request
  const directory = searchable(state, parent, caller)
  const inode = state.entry(parent, name) ?? refuse('no-such-entry', `no ${name} there`)
  const child = existing(state, inode)
  demandRemoval(caller, directory, child)
  if (child.type === 'directory') refuse('is-a-directory', `${name} is a directory`)
  state.removeEntry(parent, name)
  dropLink(state, { parent, name, inode, record: child, caller }, decided, effects)
  touchDirectory(state, parent, decided.atNs)
  return {}
}
