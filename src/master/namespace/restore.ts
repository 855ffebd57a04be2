import type { Attributes } from '../../protocol/attributes.ts'
import type { Decided, EntryRequest } from '../entries.ts'
import type { MasterState } from '../state/index.ts'
import { attributesOf } from './attributes.ts'
import { touchDirectory } from './names.ts'
import { demand, existing, owns, refuse, searchable, Want } from './permissions.ts'

/** Gives a file in the trash a name again. */
export function restore(state: MasterState, request: EntryRequest<'restore'>, { atNs }: Decided): Attributes {
  const { inode, parent, name, caller } = request
  if (!state.trash.has(inode)) refuse('no-such-entry', `inode ${String(inode)} is not in the trash`)
  const file = existing(state, inode)
  if (!owns(caller, file)) refuse('not-permitted', 'only its owner brings a file back')
  const directory = searchable(state, parent, caller)
  if (state.entry(parent, name) !== undefined) refuse('already-exists', `${name} exists`)
  demand(caller, directory, Want.write)
  const record = { ...file, links: 1, changedNs: atNs }
  state.takeFromTrash(inode)
  state.setInode(inode, record)
  state.setEntry(parent, name, inode)
  touchDirectory(state, parent, atNs)
  return attributesOf(state, inode, record)
}
