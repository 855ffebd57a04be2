import { ROOT_INODE } from '../../protocol/identifiers.ts'
import type { Decided, EntryReply, EntryRequest } from '../entries.ts'
import type { MasterState } from '../state/index.ts'

/** Makes the root directory: root's, as a freshly made file system's is. */
export function makeRoot(
  state: MasterState, _request: EntryRequest<'makeRoot'>, { atNs }: Decided,
): EntryReply<'makeRoot'> {
  if (state.inode(ROOT_INODE) !== undefined) return {}
  state.addInode(ROOT_INODE, {
    type: 'directory', mode: 0o755, links: 2, uid: 0, gid: 0, device: 0, sizeBytes: 0,
    accessedNs: atNs, modifiedNs: atNs, changedNs: atNs, contentVersion: 1, chunkSizeBytes: 0, chunkCount: 0,
    parent: ROOT_INODE, hasXattrs: false,
  })
  return {}
}
