import type { AttributeChanges } from '../../client/file-system.ts'
import { attributesReply, joinTime } from '../encoding.ts'
import { SetattrValid as Valid, setattrIn } from '../kernel/messages.ts'
import { ModeBits } from '../linux.ts'
import { callerOf, operation } from '../operation.ts'
import { clearCapabilities, clearSetId } from './set-id.ts'

/** chmod, chown, utimens, truncate and ftruncate. */
export const setattr = operation('setattr', async (mount, request) => {
  const { inode, body } = request
  const asked = setattrIn.decode(body)
  const has = (bit: number): boolean => (asked.valid & bit) !== 0
  const changes: AttributeChanges = {}
  if (has(Valid.mode)) changes.mode = asked.mode & ModeBits.all
  if (has(Valid.uid)) changes.uid = asked.uid
  if (has(Valid.gid)) changes.gid = asked.gid
  if (has(Valid.atimeNow)) changes.accessedNs = 'now'
  else if (has(Valid.atime)) changes.accessedNs = joinTime(asked.atime, asked.atimensec)
  if (has(Valid.mtimeNow)) changes.modifiedNs = 'now'
  else if (has(Valid.mtime)) changes.modifiedNs = joinTime(asked.mtime, asked.mtimensec)

  if (has(Valid.size)) {
    mount.cache.written(inode, asked.size)
    // ftruncate is judged by the handle: the file's mode may have become stricter since it was opened.
    if (has(Valid.fh)) await mount.handles.file(asked.fh).file.truncate(asked.size)
    else changes.sizeBytes = asked.size
  }
  let attributes = Object.keys(changes).length === 0
    ? await mount.fileSystem.attributes(inode)
    : await mount.fileSystem.setAttributes(inode, changes, callerOf(mount, request))
  if (has(Valid.killSuidgid)) {
    await clearSetId(mount, inode)
    await clearCapabilities(mount, inode)
    attributes = await mount.fileSystem.attributes(inode)
  }
  return attributesReply(mount, attributes)
})
