import { nameAt, openOptionsOf } from '../decoding.ts'
import { encodeEntry } from '../encoding.ts'
import { createIn, entryOut } from '../kernel/messages.ts'
import { ModeBits, OpenFlags } from '../linux.ts'
import { callerOf, operation } from '../operation.ts'
import { openHandle } from './open.ts'

/** open(2) with O_CREAT, where the kernel knows of no such file: one request finds or makes, and opens. */
export const create = operation('create', async (mount, request) => {
  const { flags, mode } = createIn.decode(request.body)
  const { name } = nameAt(request.body, createIn.sizeBytes)
  const options = { ...openOptionsOf(flags), exclusive: (flags & OpenFlags.exclusive) !== 0 }
  const file = await mount.fileSystem.create(request.inode, name, mode & ModeBits.all, options, callerOf(mount, request))
  await mount.cache.looked(file.attributes)
  const entry = Buffer.allocUnsafe(entryOut.sizeBytes)
  encodeEntry(mount, file.attributes, entry, 0)
  const opened = openHandle(mount, file, { flags, isNew: options.exclusive })
  return {
    parts: [entry, opened.answer],
    unanswered: () => {
      opened.takeBack()
      mount.cache.forget(file.inode, 1)
    },
  }
})
