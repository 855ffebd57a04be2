import { nameAt } from '../decoding.ts'
import { callerOf, done, operation } from '../operation.ts'

export const rmdir = operation('rmdir', async (mount, request) => {
  await mount.fileSystem.removeDirectory(request.inode, nameAt(request.body, 0).name, callerOf(mount, request))
  return done
})
