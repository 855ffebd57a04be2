import type { Attributes, Caller } from '../../protocol/attributes.ts'
import { ROOT_INODE, type InodeId } from '../../protocol/identifiers.ts'
import type { LinkTarget, Name, XattrName } from '../../protocol/names.ts'
import type { MasterState } from '../state/index.ts'
import { attributesOf } from './attributes.ts'
import { demand, existing, existingFile, refuse, searchable, Want } from './permissions.ts'
import { demandXattrRead } from './xattrs.ts'

// Answers to masterApi's reads: each takes the request of the method of its name, and throws DfsError.

export function lookup(state: MasterState, request: { parent: InodeId, name: Name, caller: Caller }): Attributes {
  searchable(state, request.parent, request.caller)
  const inode = state.entry(request.parent, request.name) ?? refuse('no-such-entry', `no ${request.name} there`)
  return attributesOf(state, inode, existing(state, inode))
}

export function attributes(state: MasterState, { inode }: { inode: InodeId }): Attributes {
  return attributesOf(state, inode, existing(state, inode))
}

export function attributesIfThere(state: MasterState, inode: InodeId): Attributes | undefined {
  const record = state.inode(inode)
  return record === undefined ? undefined : attributesOf(state, inode, record)
}

export function readLink(state: MasterState, { inode }: { inode: InodeId }): { target: LinkTarget } {
  existing(state, inode)
  return { target: state.target(inode) ?? refuse('invalid', `inode ${String(inode)} is no symbolic link`) }
}

export function readDirectory(
  state: MasterState,
  { inode, after, limit, caller }: { inode: InodeId, after?: Name | undefined, limit: number, caller: Caller },
): { entries: { name: Name, attributes: Attributes }[], complete: boolean } {
  const directory = existing(state, inode)
  if (directory.type !== 'directory') refuse('not-a-directory', `inode ${String(inode)} is a ${directory.type}`)
  demand(caller, directory, Want.read)
  const found = state.entriesOf(inode, after, limit)
  const entries = found.map(entry => (
    { name: entry.name, attributes: attributesOf(state, entry.inode, existing(state, entry.inode)) }))
  return { entries, complete: found.length < limit }
}

/** The directory a directory is in; the root is in itself. */
export function parentOf(state: MasterState, { directory }: { directory: InodeId }): { parent: InodeId } {
  const found = existing(state, directory)
  if (found.type !== 'directory') refuse('not-a-directory', `inode ${String(directory)} is a ${found.type}`)
  return { parent: directory === ROOT_INODE ? ROOT_INODE : found.parent as InodeId }
}

export function getXattr(
  state: MasterState, { inode, name, caller }: { inode: InodeId, name: XattrName, caller: Caller },
): { value: Uint8Array<ArrayBuffer> } {
  demandXattrRead(caller, existing(state, inode), name)
  return { value: state.xattr(inode, name) ?? refuse('no-such-attribute', `${name} is not set`) }
}

export function listXattrs(state: MasterState, { inode }: { inode: InodeId }): { names: XattrName[] } {
  existing(state, inode)
  return { names: state.xattrsOf(inode) }
}

/** Whether the caller may open the file so; counting the open is {@link Sessions.open}'s. */
export function checkOpen(
  state: MasterState, { inode, caller, read, write }: { inode: InodeId, caller: Caller, read: boolean, write: boolean },
): Attributes {
  const file = existingFile(state, inode)
  demand(caller, file, (read ? Want.read : 0) | (write ? Want.write : 0))
  return attributesOf(state, inode, file)
}
