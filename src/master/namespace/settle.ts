import type { Attributes } from '../../protocol/attributes.ts'
import type { ChunkIndex } from '../../protocol/identifiers.ts'
import type { Decided, EntryRequest } from '../entries.ts'
import type { MasterState } from '../state/index.ts'
import { attributesOf } from './attributes.ts'
import { existingFile, refuse, withoutSetId } from './permissions.ts'
import { timeOf } from './set-attributes.ts'

/** Notes that bytes were written. @throws DfsError 'bytes-lost' they were given up, see cut-tail.ts */
export function settle(state: MasterState, request: EntryRequest<'settle'>, { atNs }: Decided): Attributes {
  const { inode, endBytes, modifiedNs, clearSetId, usedFirst, oldestVersion } = request
  const before = existingFile(state, inode)
  const cut = oldestVersion === undefined ? undefined : state.tailCutOf(inode)
  if (cut !== undefined && oldestVersion !== undefined && oldestVersion < cut.version && endBytes > cut.endBytes) {
    refuse('bytes-lost', `what was written behind byte ${cut.endBytes} of inode ${inode} was given up: its writer was not heard of`)
  }
  if (usedFirst !== undefined && state.isUnwritten(inode) && state.chunkAt(inode, 0 as ChunkIndex)?.chunk === usedFirst) {
    state.setWritten(inode)
  }
  const after = {
    ...before,
    sizeBytes: Math.max(before.sizeBytes, endBytes),
    mode: clearSetId ? withoutSetId(before.mode) : before.mode,
    modifiedNs: timeOf(modifiedNs, atNs) ?? before.modifiedNs,
    changedNs: atNs,
    contentVersion: before.contentVersion + 1,
  }
  state.setInode(inode, after)
  return attributesOf(state, inode, after)
}
