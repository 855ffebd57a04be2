import type { Caller } from '../../protocol/attributes.ts'
import { ROOT_INODE, type InodeId } from '../../protocol/identifiers.ts'
import type { Name } from '../../protocol/names.ts'
import type { Decided, Effects, EntryReply, EntryRequest } from '../entries.ts'
import type { Inode, MasterState } from '../state/index.ts'
import { dropLink, isEmpty, touchDirectory } from './names.ts'
import { demand, demandRemoval, existing, refuse, searchable, Want } from './permissions.ts'

interface Place { parent: InodeId, name: Name }
interface Child { inode: InodeId, record: Inode }

/** Moves a name, over another one where there is one; or exchanges two. */
export function rename(
  state: MasterState, request: EntryRequest<'rename'>, decided: Decided, effects: Effects,
): EntryReply<'rename'> {
  const { from, to, caller } = request
  const { atNs } = decided
  // 1. What is there.
  const fromDirectory = searchable(state, from.parent, caller)
  const toDirectory = searchable(state, to.parent, caller)
  const moved = childAt(state, from) ?? refuse('no-such-entry', `no ${from.name} there`)
  const target = childAt(state, to)
  if (target !== undefined && request.mode === 'no-replace') refuse('already-exists', `${to.name} exists`)
  if (target === undefined && request.mode === 'exchange') refuse('no-such-entry', `no ${to.name} there`)
  // 2. No directory may end up below itself.
  if (isWithin(state, to.parent, moved.inode)) refuse('invalid', 'a directory cannot move below itself')
  if (target !== undefined && isWithin(state, from.parent, target.inode)) {
    refuse(request.mode === 'exchange' ? 'invalid' : 'not-empty', `${to.name} contains what would replace it`)
  }
  // 3. Two names of one inode: POSIX wants nothing to happen.
  if (target?.inode === moved.inode) return {}
  // 4. Whether the caller may.
  demandRemoval(caller, fromDirectory, moved.record)
  if (target === undefined) demand(caller, toDirectory, Want.write)
  else demandRemoval(caller, toDirectory, target.record)
  demandNewParent(caller, moved, { from: from.parent, to: to.parent })
  if (request.mode === 'exchange') {
    if (target !== undefined) {
      demandNewParent(caller, target, { from: to.parent, to: from.parent })
      exchange(state, { from, moved, to, target }, atNs)
    }
    return {}
  }
  if (target !== undefined) demandReplaceable(state, moved.record, target)
  // 5. Do it.
  const isDirectory = moved.record.type === 'directory'
  state.removeEntry(from.parent, from.name)
  place(state, to, moved, atNs)
  if (target?.record.type === 'directory') state.removeInode(target.inode)
  else if (target !== undefined) dropLink(state, { ...to, ...target, caller }, decided, effects)
  const lost = isDirectory ? -1 : 0
  const won = isDirectory && target === undefined ? 1 : 0
  if (from.parent === to.parent) {
    touchDirectory(state, from.parent, atNs, lost + won)
  } else {
    touchDirectory(state, from.parent, atNs, lost)
    touchDirectory(state, to.parent, atNs, won)
  }
  return {}
}

function childAt(state: MasterState, { parent, name }: Place): Child | undefined {
  const inode = state.entry(parent, name)
  return inode === undefined ? undefined : { inode, record: existing(state, inode) }
}

/** Whether `directory` is `ancestor` or below it. */
function isWithin(state: MasterState, directory: InodeId, ancestor: InodeId): boolean {
  for (let at: InodeId = directory; ;) {
    if (at === ancestor) return true
    if (at === ROOT_INODE) return false
    at = existing(state, at).parent as InodeId
  }
}

/** A directory that moves to another one has its `..` rewritten, which is a write to it. */
function demandNewParent(caller: Caller, child: Child, { from, to }: { from: InodeId, to: InodeId }): void {
  if (child.record.type === 'directory' && from !== to) demand(caller, child.record, Want.write)
}

function demandReplaceable(state: MasterState, moved: Inode, target: Child): void {
  if (moved.type === 'directory') {
    if (target.record.type !== 'directory') refuse('not-a-directory', 'a directory replaces only a directory')
    if (!isEmpty(state, target.inode)) refuse('not-empty', 'the directory to be replaced is not empty')
  } else if (target.record.type === 'directory') {
    refuse('is-a-directory', 'only a directory replaces a directory')
  }
}

/** Makes a name lead to an inode that had another. */
function place(state: MasterState, { parent, name }: Place, { inode, record }: Child, atNs: bigint): void {
  const isDirectory = record.type === 'directory'
  state.setEntry(parent, name, inode)
  state.setInode(inode, { ...record, changedNs: atNs, parent: isDirectory ? parent : 0 })
  if (isDirectory) state.setDirectoryName(inode, name)
}

function exchange(
  state: MasterState, { from, moved, to, target }: { from: Place, moved: Child, to: Place, target: Child }, atNs: bigint,
): void {
  const movedIsDirectory = moved.record.type === 'directory'
  const targetIsDirectory = target.record.type === 'directory'
  place(state, to, moved, atNs)
  place(state, from, target, atNs)
  const balance = (movedIsDirectory ? 1 : 0) - (targetIsDirectory ? 1 : 0)
  if (from.parent === to.parent) {
    touchDirectory(state, from.parent, atNs)
  } else {
    touchDirectory(state, from.parent, atNs, -balance)
    touchDirectory(state, to.parent, atNs, balance)
  }
}
