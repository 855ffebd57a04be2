import { xattrNameAt } from '../decoding.ts'
import { callerOf, done, operation } from '../operation.ts'

export const removexattr = operation('removexattr', async (mount, request) => {
  await mount.fileSystem.removeXattr(request.inode, xattrNameAt(request.body, 0).name, callerOf(mount, request))
  return done
})
