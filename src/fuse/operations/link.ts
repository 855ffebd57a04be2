import { inodeOf, nameAt } from '../decoding.ts'
import { entryReply } from '../encoding.ts'
import { linkIn } from '../kernel/messages.ts'
import { callerOf, operation } from '../operation.ts'

export const link = operation('link', async (mount, request) => {
  const { oldnodeid } = linkIn.decode(request.body)
  const { name } = nameAt(request.body, linkIn.sizeBytes)
  return entryReply(mount, await mount.fileSystem.link(
    inodeOf(mount.root, oldnodeid), request.inode, name, callerOf(mount, request)))
})
