import type { OpenFile } from '../../client/file-system.ts'
import { superuser } from '../../protocol/attributes.ts'
import { openOptionsOf } from '../decoding.ts'
import { OpenInFlag, openIn, OpenOutFlag, openOut } from '../kernel/messages.ts'
import { OpenFlags } from '../linux.ts'
import { callerOf, operation, type Mount } from '../operation.ts'
import { clearCapabilities, clearSetId } from './set-id.ts'

export const open = operation('open', async (mount, request) => {
  const { flags, openFlags } = openIn.decode(request.body)
  const options = openOptionsOf(flags)
  // Who may execute a file need not be allowed to read it: the kernel has checked, and reads on their behalf.
  const caller = (flags & OpenFlags.execute) === 0 ? callerOf(mount, request) : superuser
  const file = await mount.fileSystem.open(request.inode, options, caller)
  if ((openFlags & OpenInFlag.killSuidgid) !== 0) await clearSetId(mount, request.inode)
  if (options.truncate) await clearCapabilities(mount, request.inode)
  const opened = openHandle(mount, file, { flags, isNew: false })
  return { parts: [opened.answer], unanswered: opened.takeBack }
})

/** Gives an open file a number, and says how the kernel is to treat it. */
export function openHandle(
  mount: Mount, file: OpenFile, { flags, isNew }: { flags: number, isNew: boolean },
): { answer: Buffer, takeBack: () => void } {
  const { write: writable, append } = openOptionsOf(flags)
  const number = mount.handles.add({ kind: 'file', inode: file.inode, file, writable, capabilitiesChecked: isNew })
  const pages = mount.cache.opened(file.attributes, { writable })
  let how = pages === 'keep' ? OpenOutFlag.keepCache : 0
  // The kernel would cache appended bytes where it believes the end to be, and another mount may have moved it.
  if (writable && append) how = OpenOutFlag.directIo
  // Who only reads has nothing to hand over: close(2) need not ask.
  if (!writable) how |= OpenOutFlag.noFlush
  return {
    answer: openOut.encode({ fh: number, openFlags: how }),
    takeBack: () => {
      mount.handles.remove(number)
      mount.cache.closed(file.inode, { writable })
      file.close().catch((error: unknown) => { mount.log.warn({ error, inode: file.inode }, 'closing failed') })
    },
  }
}
