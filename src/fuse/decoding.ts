import { DfsError } from '../protocol/errors.ts'
import type { InodeId } from '../protocol/identifiers.ts'
import { limits } from '../protocol/limits.ts'
import type { LinkTarget, Name, XattrName } from '../protocol/names.ts'
import type { OpenOptions } from '../client/file-system.ts'
import { ROOT_NODE } from './kernel/messages.ts'
import { OpenFlags } from './linux.ts'

/** The kernel's checks on names make these casts good: no NUL, no slash, neither "." nor "..". */
export function nameAt(body: Buffer, at: number): { name: Name, end: number } {
  const { text, end } = textAt(body, at)
  if (text.length > limits.nameBytesMax) throw new DfsError('name-too-long', `a name of ${String(text.length)} bytes`)
  if (text === '') throw new DfsError('invalid', 'an empty name')
  return { name: text as Name, end }
}

export function targetAt(body: Buffer, at: number): LinkTarget {
  const { text } = textAt(body, at)
  if (text.length > limits.symlinkBytesMax) throw new DfsError('name-too-long', `a target of ${String(text.length)} bytes`)
  if (text === '') throw new DfsError('no-such-entry', 'an empty link target')
  return text as LinkTarget
}

/**
 * Access control lists are not kept: who asks for one must hear so, or cp would believe it had copied one.
 * @throws DfsError 'not-supported'
 */
export function xattrNameAt(body: Buffer, at: number): { name: XattrName, end: number } {
  const { text, end } = textAt(body, at)
  if (text.startsWith('system.')) throw new DfsError('not-supported', `${text}: attributes of the system are not kept`)
  if (text.length > limits.xattrNameBytesMax) throw new DfsError('range', `a name of ${String(text.length)} bytes`)
  return { name: text as XattrName, end }
}

function textAt(body: Buffer, at: number): { text: string, end: number } {
  const end = body.indexOf(0, at)
  if (end === -1) throw new DfsError('bad-message', 'a name without its end')
  return { text: body.toString('latin1', at, end), end: end + 1 }
}

/** The inode behind a node number: they are the same but for the mount's root, which the kernel calls 1. */
export function inodeOf(root: InodeId, node: number): InodeId {
  return node === ROOT_NODE ? root : node as InodeId
}

/** open(2)'s flags. */
export function openOptionsOf(flags: number): Required<OpenOptions> {
  const access = flags & OpenFlags.accessMask
  return {
    read: access !== OpenFlags.writeOnly,
    write: access !== OpenFlags.readOnly,
    append: (flags & OpenFlags.append) !== 0,
    truncate: (flags & OpenFlags.truncate) !== 0,
  }
}
