import type { Attributes, Caller } from '../../protocol/attributes.ts'
import type { Decided, Effects, EntryRequest } from '../entries.ts'
import type { Inode, MasterState } from '../state/index.ts'
import { attributesOf } from './attributes.ts'
import { resized } from './contents.ts'
import {
  demandContents, existing, existingFile, isMember, isRoot, may, Mode, owns, refuse, Want, withoutSetId,
} from './permissions.ts'

type Changes = EntryRequest<'setAttributes'>['changes']

/** chmod, chown, truncate and utimens in one, all or nothing. */
export function setAttributes(
  state: MasterState, request: EntryRequest<'setAttributes'>, { atNs }: Decided, effects: Effects,
): Attributes {
  const { inode, changes, caller } = request
  const before = existing(state, inode)
  if (Object.values(changes).every(change => change === undefined)) return attributesOf(state, inode, before)
  // 1. Everything is checked before anything changes.
  demandOwnerChange(caller, before, changes)
  demandModeChange(caller, before, changes)
  demandTimeChange(caller, before, changes)
  if (changes.sizeBytes !== undefined) {
    existingFile(state, inode)
    demandContents(caller, before)
  }
  // 2. The size first, since it sets times that the request may want otherwise.
  let after = before
  if (changes.sizeBytes !== undefined) {
    after = resized(state, inode, after, { sizeBytes: changes.sizeBytes, atNs }, effects)
    if (!isRoot(caller)) after = { ...after, mode: withoutSetId(after.mode) }
  }
  const changesOwner = changes.uid !== undefined || changes.gid !== undefined
  if (changesOwner) {
    after = { ...after, uid: changes.uid ?? after.uid, gid: changes.gid ?? after.gid }
    if (after.type !== 'directory') after = { ...after, mode: withoutSetId(after.mode) }
  }
  if (changes.mode !== undefined) {
    const keepsSetGid = isRoot(caller) || isMember(caller, after.gid)
    after = { ...after, mode: keepsSetGid ? changes.mode : changes.mode & ~Mode.setGid }
  }
  after = {
    ...after,
    accessedNs: timeOf(changes.accessedNs, atNs) ?? after.accessedNs,
    modifiedNs: timeOf(changes.modifiedNs, atNs) ?? after.modifiedNs,
    changedNs: atNs,
  }
  state.setInode(inode, after)
  return attributesOf(state, inode, after)
}

export function timeOf(time: bigint | 'now' | undefined, atNs: bigint): bigint | undefined {
  return time === 'now' ? atNs : time
}

function demandOwnerChange(caller: Caller, before: Inode, { uid, gid }: Changes): void {
  if (isRoot(caller)) return
  if (uid !== undefined && (uid !== before.uid || caller.uid !== before.uid)) {
    refuse('not-permitted', 'only root gives files away')
  }
  if (gid !== undefined && (caller.uid !== before.uid || (gid !== before.gid && !isMember(caller, gid)))) {
    refuse('not-permitted', 'only the owner changes the group, to one of his own')
  }
}

function demandModeChange(caller: Caller, before: Inode, { mode }: Changes): void {
  if (mode === undefined) return
  if (before.type === 'symlink') refuse('not-supported', 'a symbolic link has no mode of its own')
  if (!owns(caller, before)) refuse('not-permitted', 'only the owner changes the mode')
}

/** Whoever may write may say "now"; any other time is for the owner. */
function demandTimeChange(caller: Caller, before: Inode, { accessedNs, modifiedNs }: Changes): void {
  if ((accessedNs === undefined && modifiedNs === undefined) || owns(caller, before)) return
  const onlyNow = (accessedNs ?? 'now') === 'now' && (modifiedNs ?? 'now') === 'now'
  if (!onlyNow) refuse('not-permitted', 'only the owner sets times')
  if (!may(caller, before, Want.write)) refuse('access-denied', 'permission denied')
}
