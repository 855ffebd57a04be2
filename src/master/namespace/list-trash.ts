import type { ReplyOf, RequestOf } from '../../protocol/api.ts'
import type { masterApi, TrashedFile } from '../../protocol/master-api.ts'
import type { MasterState } from '../state/index.ts'
import { owns } from './permissions.ts'

type Methods = typeof masterApi.methods

/** Bytes of paths in one page, so that the longest still fit into a message. */
const PAGE_PATH_BYTES_MAX = 256 * 1024

/** One page of what the caller has in the trash; root has all. A page may be empty and not the last. */
export function listTrash(
  state: MasterState, { path, scope, after, limit, caller }: RequestOf<Methods['listTrash']>, nowNs: bigint,
): ReplyOf<Methods['listTrash']> {
  const found = state.trash.find(path, scope, { after, limit })
  const isMeant = (file: TrashedFile): boolean =>
    file.path === path || (scope === 'tree' && (path === '' || file.path.startsWith(`${path}/`)))
  const files: TrashedFile[] = []
  let pathBytes = 0
  for (const { inode, cursor } of found) {
    const { file } = trashed(state, { inode, caller })
    if (file !== undefined && isMeant(file)) {
      files.push(file)
      pathBytes += file.path.length
    }
    if (pathBytes >= PAGE_PATH_BYTES_MAX) return { files, nowNs, next: new Uint8Array(cursor) }
  }
  const last = found.at(-1)
  return last === undefined || found.length < limit ? { files, nowNs } : { files, nowNs, next: new Uint8Array(last.cursor) }
}

/** A file in the trash; none that the caller may not see. */
export function trashed(
  state: MasterState, { inode, caller }: RequestOf<Methods['trashed']>,
): { file?: TrashedFile } {
  const file = state.inode(inode)
  const found = state.trash.get(inode)
  if (file === undefined || found === undefined || !owns(caller, file)) return {}
  return {
    file: {
      inode, path: found.path, sizeBytes: file.sizeBytes, uid: file.uid, gid: file.gid,
      deletedBy: found.deletedBy, deletedNs: nsOf(found.deletedMs), expiresNs: nsOf(found.dueMs),
    },
  }
}

function nsOf(ms: number): bigint {
  return BigInt(ms) * 1_000_000n
}
