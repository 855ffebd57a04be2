import type { Attributes } from '../../protocol/attributes.ts'
import { limits } from '../../protocol/limits.ts'
import type { Decided, EntryRequest } from '../entries.ts'
import type { MasterState } from '../state/index.ts'
import { attributesOf } from './attributes.ts'
import { touchDirectory } from './names.ts'
import { demand, existing, refuse, searchable, Want } from './permissions.ts'

/** Gives an inode one more name. */
export function link(state: MasterState, request: EntryRequest<'link'>, { atNs }: Decided): Attributes {
  const { inode, parent, name, caller } = request
  const linked = existing(state, inode)
  const directory = searchable(state, parent, caller)
  if (state.entry(parent, name) !== undefined) refuse('already-exists', `${name} exists`)
  demand(caller, directory, Want.write)
  if (linked.type === 'directory') refuse('not-permitted', 'directories have one name')
  if (linked.links === 0) refuse('no-such-entry', 'its last name is gone')
  if (linked.links >= limits.linksMax) refuse('too-many-links', `${String(limits.linksMax)} names already`)
  const record = { ...linked, links: linked.links + 1, changedNs: atNs }
  state.setInode(inode, record)
  state.setEntry(parent, name, inode)
  touchDirectory(state, parent, atNs)
  return attributesOf(state, inode, record)
}
