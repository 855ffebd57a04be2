import type { Caller } from '../../protocol/attributes.ts'
import { DfsError, type ErrorCode } from '../../protocol/errors.ts'
import type { InodeId } from '../../protocol/identifiers.ts'
import type { Inode, MasterState } from '../state/index.ts'

export const Mode = { setUid: 0o4000, setGid: 0o2000, sticky: 0o1000, groupExecute: 0o010 } as const

/** What a caller wants to do, as bits of one triple of a mode. */
export const Want = { read: 4, write: 2, search: 1 } as const

export function refuse(code: ErrorCode, message: string): never {
  throw new DfsError(code, message)
}

export function isRoot(caller: Caller): boolean {
  return caller.uid === 0
}

/** Owner of the inode, or root. */
export function owns(caller: Caller, inode: Inode): boolean {
  return isRoot(caller) || caller.uid === inode.uid
}

export function isMember(caller: Caller, gid: number): boolean {
  return caller.gid === gid || caller.groups.includes(gid)
}

/** Whether the mode lets the caller do all that is wanted. Only one triple counts: an owner gets nothing from the others. */
export function may(caller: Caller, inode: Inode, want: number): boolean {
  if (isRoot(caller)) return true
  const triple = caller.uid === inode.uid ? inode.mode >> 6 : isMember(caller, inode.gid) ? inode.mode >> 3 : inode.mode
  return (triple & want) === want
}

export function demand(caller: Caller, inode: Inode, want: number): void {
  if (!may(caller, inode, want)) refuse('access-denied', 'permission denied')
}

/** An inode the client knows by number: it may have been removed since. */
export function existing(state: MasterState, inode: InodeId): Inode {
  return state.inode(inode) ?? refuse('stale-handle', `inode ${String(inode)} is gone`)
}

export function existingFile(state: MasterState, inode: InodeId): Inode {
  const found = existing(state, inode)
  if (found.type === 'directory') refuse('is-a-directory', `inode ${String(inode)} is a directory`)
  if (found.type !== 'file') refuse('invalid', `inode ${String(inode)} is a ${found.type}, not a file`)
  return found
}

/** A directory in which the caller may look up names. */
export function searchable(state: MasterState, inode: InodeId, caller: Caller): Inode {
  const directory = state.inode(inode) ?? refuse('no-such-entry', `directory ${String(inode)} is gone`)
  if (directory.type !== 'directory') refuse('not-a-directory', `inode ${String(inode)} is a ${directory.type}`)
  demand(caller, directory, Want.search)
  return directory
}

/** Whether the caller may take `child`'s name out of `directory`. */
export function demandRemoval(caller: Caller, directory: Inode, child: Inode): void {
  demand(caller, directory, Want.write | Want.search)
  if ((directory.mode & Mode.sticky) !== 0 && !owns(caller, child) && !owns(caller, directory)) {
    refuse('not-permitted', 'only its owner may remove it from a sticky directory')
  }
}

/**
 * Whether the caller may change the contents without showing a handle. An owner always may, as the mode of an open file
 * may forbid since what opening it allowed; the kernel checks truncate(2) by name before we hear of it.
 */
export function demandContents(caller: Caller, file: Inode): void {
  if (!owns(caller, file)) demand(caller, file, Want.write)
}

/** The mode of a file after its contents or its owner changed: whoever may run it must not gain rights by that. */
export function withoutSetId(mode: number): number {
  const kept = mode & ~Mode.setUid
  return (kept & Mode.groupExecute) === 0 ? kept : kept & ~Mode.setGid
}
