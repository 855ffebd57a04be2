import type { Caller } from '../../protocol/attributes.ts'
import { ROOT_INODE, type InodeId } from '../../protocol/identifiers.ts'
import { limits } from '../../protocol/limits.ts'
import type { Name } from '../../protocol/names.ts'
import type { Decided, Effects } from '../entries.ts'
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

/** A name that goes, and what it led to. */
export interface Removed {
  parent: InodeId
  name: Name
  inode: InodeId
  record: Inode
  caller: Caller
}

/**
 * An inode that lost one of its names. The last one gone, a file with contents goes to the trash, whether somebody has it
 * open or not. Another, and any file where there is no trash, stays as an orphan until nobody has it open, which applying
 * an entry cannot know. All else has nothing to be kept for.
 */
export function dropLink(
  state: MasterState, { parent, name, inode, record, caller }: Removed, { atNs, trashMs }: Decided, effects: Effects,
): void {
  if (record.links > 1) {
    state.setInode(inode, { ...record, links: record.links - 1, changedNs: atNs })
  } else if (record.type === 'file') {
    state.setInode(inode, { ...record, links: 0, changedNs: atNs })
    if (trashMs > 0 && record.sizeBytes > 0 && record.chunkCount > 0) {
      const deletedMs = Number(atNs / 1_000_000n)
      state.addToTrash(inode, {
        deletedMs, dueMs: deletedMs + trashMs, deletedBy: caller.uid, sizeBytes: record.sizeBytes,
        path: pathOf(state, parent, name),
      })
      return
    }
    state.addOrphan(inode)
    effects.orphaned.push(inode)
  } else {
    state.removeInode(inode)
  }
}

/** The path of a name, as bytes. One longer than a path may be loses its front, and with it the slash it begins with. */
export function pathOf(state: MasterState, parent: InodeId, name: Name): string {
  let path: string = name
  for (let directory = parent; directory !== ROOT_INODE;) {
    const above = state.inode(directory)?.parent
    const called = state.directoryName(directory)
    if (above === undefined || called === undefined || path.length + called.length + 2 > limits.pathBytesMax) return path
    path = `${called}/${path}`
    directory = above as InodeId
  }
  return `/${path}`
}

export function isEmpty(state: MasterState, directory: InodeId): boolean {
  return state.entriesOf(directory, undefined, 1).length === 0
}
