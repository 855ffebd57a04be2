import { xattrNameAt } from '../decoding.ts'
import { getxattrIn } from '../kernel/messages.ts'
import { callerOf, operation } from '../operation.ts'
import { valueReply } from './xattr.ts'

export const getxattr = operation('getxattr', async (mount, request) => {
  const { size } = getxattrIn.decode(request.body)
  const { name } = xattrNameAt(request.body, getxattrIn.sizeBytes)
  return valueReply(await mount.fileSystem.getXattr(request.inode, name, callerOf(mount, request)), size)
})
