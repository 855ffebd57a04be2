import type { Attributes } from '../../protocol/attributes.ts'
import { chunkIndexAt, type InodeId } from '../../protocol/identifiers.ts'
import type { Inode, MasterState } from '../state/index.ts'

/** What clients are told about an inode. */
export function attributesOf(state: MasterState, inode: InodeId, record: Inode): Attributes {
  return {
    inode,
    type: record.type,
    mode: record.mode,
    links: record.links,
    uid: record.uid,
    gid: record.gid,
    device: record.device,
    sizeBytes: record.sizeBytes,
    allocatedBytes: allocatedBytes(state, inode, record),
    accessedNs: record.accessedNs,
    modifiedNs: record.modifiedNs,
    changedNs: record.changedNs,
    contentVersion: record.contentVersion,
    chunkSizeBytes: record.chunkSizeBytes,
    hasXattrs: record.hasXattrs,
  }
}

/** Bytes of the file that lie in a chunk. */
function allocatedBytes(state: MasterState, inode: InodeId, file: Inode): number {
  const { sizeBytes, chunkSizeBytes } = file
  const chunkCount = file.chunkCount - (state.isUnwritten(inode) ? 1 : 0)
  if (chunkCount === 0 || sizeBytes === 0) return 0
  const last = chunkIndexAt(sizeBytes - 1, chunkSizeBytes)
  // Without holes, as most files are, nothing need be looked up. Chunks may lie beyond a size not settled yet.
  if (chunkCount > last) return sizeBytes
  const whole = chunkCount * chunkSizeBytes
  if (state.chunkAt(inode, last) === undefined) return Math.min(whole, sizeBytes)
  return whole - chunkSizeBytes + (sizeBytes - last * chunkSizeBytes)
}
