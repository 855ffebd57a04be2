import { DfsError } from '../../protocol/errors.ts'
import { WriteFlag, writeIn, writeOut } from '../kernel/messages.ts'
import { operation } from '../operation.ts'
import { clearCapabilities, clearSetId } from './set-id.ts'

/** The device's buffer goes to the client, which copies what it keeps. */
export const write = operation('write', async (mount, { inode, body }) => {
  const { fh, offset, size, writeFlags } = writeIn.decode(body)
  const data = body.subarray(writeIn.sizeBytes, writeIn.sizeBytes + size)
  if (data.length !== size) throw new DfsError('bad-message', `a write of ${String(size)} bytes with ${String(data.length)}`)
  const handle = mount.handles.file(fh)
  if ((writeFlags & WriteFlag.killSuidgid) !== 0) await clearSetId(mount, inode)
  if (!handle.capabilitiesChecked) {
    handle.capabilitiesChecked = true
    await clearCapabilities(mount, inode)
  }
  mount.cache.written(inode, offset + size)
  await handle.file.write(offset, data)
  return { parts: [writeOut.encode({ size })] }
})
