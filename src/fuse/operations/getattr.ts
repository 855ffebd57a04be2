import { attributesReply } from '../encoding.ts'
import { operation } from '../operation.ts'

export const getattr = operation('getattr', async (mount, { inode }) =>
  attributesReply(mount, await mount.fileSystem.attributes(inode)))
