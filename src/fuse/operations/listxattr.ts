import { getxattrIn } from '../kernel/messages.ts'
import { operation } from '../operation.ts'
import { valueReply } from './xattr.ts'

export const listxattr = operation('listxattr', async (mount, { inode, body }) => {
  const { size } = getxattrIn.decode(body)
  const names = await mount.fileSystem.listXattrs(inode)
  return valueReply(Buffer.from(names.map(name => `${name}\0`).join(''), 'latin1'), size)
})
