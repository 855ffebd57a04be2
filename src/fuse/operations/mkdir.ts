import { nameAt } from '../decoding.ts'
import { entryReply } from '../encoding.ts'
import { mkdirIn } from '../kernel/messages.ts'
import { ModeBits } from '../linux.ts'
import { callerOf, operation } from '../operation.ts'

export const mkdir = operation('mkdir', async (mount, request) => {
  const { mode } = mkdirIn.decode(request.body)
  const { name } = nameAt(request.body, mkdirIn.sizeBytes)
  return entryReply(mount, await mount.fileSystem.make(
    request.inode, name, { type: 'directory', mode: mode & ModeBits.all }, callerOf(mount, request)))
})
