import { operation } from '../operation.ts'

export const readlink = operation('readlink', async (mount, { inode }) =>
  ({ parts: [Buffer.from(await mount.fileSystem.readLink(inode), 'latin1')] }))
