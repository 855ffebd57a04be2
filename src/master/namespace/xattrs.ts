import type { Caller } from '../../protocol/attributes.ts'
import { limits } from '../../protocol/limits.ts'
import type { XattrName } from '../../protocol/names.ts'
import type { Inode } from '../state/index.ts'
import { demand, isRoot, Mode, owns, refuse, Want } from './permissions.ts'

/** The name spaces of extended attributes, as Linux rules them. */
function spaceOf(name: XattrName): 'user' | 'trusted' | 'security' {
  const space = /^(user|trusted|security)\../.exec(name)?.[1]
  if (space === 'user' || space === 'trusted' || space === 'security') return space
  return refuse('not-supported', `${name} is in no name space of extended attributes that is kept here`)
}

const mayHaveUserXattrs = (inode: Inode): boolean => inode.type === 'file' || inode.type === 'directory'

export function demandXattrWrite(caller: Caller, inode: Inode, name: XattrName): void {
  if (spaceOf(name) !== 'user') {
    if (!isRoot(caller)) refuse('not-permitted', `only root sets ${name}`)
    return
  }
  if (!mayHaveUserXattrs(inode)) refuse('not-permitted', 'only files and directories have user attributes')
  if (inode.type === 'directory' && (inode.mode & Mode.sticky) !== 0 && !owns(caller, inode)) {
    refuse('not-permitted', 'only its owner marks a sticky directory')
  }
  demand(caller, inode, Want.write)
}

export function demandXattrRead(caller: Caller, inode: Inode, name: XattrName): void {
  const space = spaceOf(name)
  if (space === 'user') {
    if (!mayHaveUserXattrs(inode)) refuse('no-such-attribute', 'only files and directories have user attributes')
    demand(caller, inode, Want.read)
  } else if (space === 'trusted' && !isRoot(caller)) {
    refuse('no-such-attribute', `${name} is for root`)
  }
}

/** listxattr(2) gives all names at once, each with a NUL, and the kernel takes no more than this. */
export function demandRoomInList(names: readonly XattrName[], more: XattrName): void {
  const bytes = names.reduce((sum, name) => sum + name.length + 1, more.length + 1)
  if (bytes > limits.xattrListBytesMax) refuse('no-space', 'too many extended attributes')
}
