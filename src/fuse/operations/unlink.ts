import { nameAt } from '../decoding.ts'
import { callerOf, done, operation } from '../operation.ts'

export const unlink = operation('unlink', async (mount, request) => {
  await mount.fileSystem.unlink(request.inode, nameAt(request.body, 0).name, callerOf(mount, request))
  return done
})
