import type { InodeId } from '../../protocol/identifiers.ts'
import type { Effects } from '../entries.ts'
import type { Inode, MasterState } from '../state/index.ts'

/** A directory after a name came, went or changed in it; `links` for the subdirectories it won or lost. */
export function touchDirectory(state: MasterState, inode: InodeId, atNs: bigint, links = 0): void {
  const directory = state.inode(inode)
  if (directory === undefined) return
  state.setInode(inode, {
    ...directory,
    links: directory.links + links,
    modifiedNs: atNs,
    changedNs: atNs,
    contentVersion: directory.contentVersion + 1,
  })
}

/**
 * An inode that lost one of its names. The last one gone, a file stays as an orphan until nobody has it open, which
 * applying an entry cannot know; all else has nothing to be kept for.
 */
export function dropLink(state: MasterState, inode: InodeId, record: Inode, atNs: bigint, effects: Effects): void {
  if (record.links > 1) {
    state.setInode(inode, { ...record, links: record.links - 1, changedNs: atNs })
  } else if (record.type === 'file') {
    state.setInode(inode, { ...record, links: 0, changedNs: atNs })
    state.addOrphan(inode)
    effects.orphaned.push(inode)
  } else {
    state.removeInode(inode)
  }
}

export function isEmpty(state: MasterState, directory: InodeId): boolean {
  return state.entriesOf(directory, undefined, 1).length === 0
}
