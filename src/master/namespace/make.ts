import type { Attributes, Caller } from '../../protocol/attributes.ts'
import type { InodeId } from '../../protocol/identifiers.ts'
import type { Decided, EntryRequest } from '../entries.ts'
import type { Inode, MasterState } from '../state/index.ts'
import { attributesOf } from './attributes.ts'
import { touchDirectory } from './names.ts'
import { demand, isMember, isRoot, Mode, refuse, searchable, Want } from './permissions.ts'

/** Makes a directory, an empty file, a symbolic link, a fifo, a socket or a device node. */
export function make(state: MasterState, request: EntryRequest<'make'>, decided: Decided): Attributes {
  const { parent, name, node, caller } = request
  const directory = searchable(state, parent, caller)
  if (state.entry(parent, name) !== undefined) refuse('already-exists', `${name} exists`)
  demand(caller, directory, Want.write)
  const isDevice = node.type === 'character-device' || node.type === 'block-device'
  if (isDevice && !isRoot(caller)) refuse('not-permitted', 'only root makes device nodes')
  const inode = decided.newId as InodeId
  const record: Inode = {
    ...newInode({ type: node.type, mode: node.type === 'symlink' ? 0o777 : node.mode }, { parent, directory, caller, decided }),
    ...(isDevice ? { device: node.device } : {}),
    ...(node.type === 'symlink' ? { sizeBytes: node.target.length } : {}),
  }
  state.addInode(inode, record)
  if (node.type === 'symlink') state.setTarget(inode, node.target)
  if (node.type === 'directory') state.setDirectoryName(inode, name)
  state.setEntry(parent, name, inode)
  touchDirectory(state, parent, decided.atNs, node.type === 'directory' ? 1 : 0)
  return attributesOf(state, inode, record)
}

/** A new inode with owner, group and mode as its directory wants them. */
export function newInode(
  { type, mode }: Pick<Inode, 'type' | 'mode'>,
  { parent, directory, caller, decided: { atNs, chunkSizeBytes } }:
  { parent: InodeId, directory: Inode, caller: Caller, decided: Decided },
): Inode {
  const inherits = (directory.mode & Mode.setGid) !== 0
  const gid = inherits ? directory.gid : caller.gid
  return {
    type,
    mode: inherits ? modeUnderSetGid({ type, mode }, gid, caller) : mode,
    links: type === 'directory' ? 2 : 1,
    uid: caller.uid,
    gid,
    device: 0,
    sizeBytes: 0,
    accessedNs: atNs,
    modifiedNs: atNs,
    changedNs: atNs,
    contentVersion: 1,
    chunkSizeBytes: type === 'file' ? chunkSizeBytes : 0,
    chunkCount: 0,
    parent: type === 'directory' ? parent : 0,
    hasXattrs: false,
  }
}

/** Directories hand the bit on; nobody gets a program that runs as a group of which he is not a member. */
function modeUnderSetGid({ type, mode }: Pick<Inode, 'type' | 'mode'>, gid: number, caller: Caller): number {
  if (type === 'directory') return mode | Mode.setGid
  const runsAsGroup = (mode & Mode.setGid) !== 0 && (mode & Mode.groupExecute) !== 0
  return runsAsGroup && !isRoot(caller) && !isMember(caller, gid) ? mode & ~Mode.setGid : mode
}
