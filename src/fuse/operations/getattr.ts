import { attributesReply } from '../encoding.ts'
import { operation } from '../operation.ts'

export const getattr = operation('getattr', (mount, { inode }) => {
  const known = mount.fileSystem.knownAttributes(inode)
  if (known !== undefined) return attributesReply(mount, known)
  return mount.fileSystem.attributes(inode).then(found => attributesReply(mount, found))
})
