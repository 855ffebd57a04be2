import { nameAt, targetAt } from '../decoding.ts'
import { entryReply } from '../encoding.ts'
import { callerOf, operation } from '../operation.ts'

export const symlink = operation('symlink', async (mount, request) => {
  const { name, end } = nameAt(request.body, 0)
  const target = targetAt(request.body, end)
  return entryReply(mount, await mount.fileSystem.make(
    request.inode, name, { type: 'symlink', target }, callerOf(mount, request)))
})
