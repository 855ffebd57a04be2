import { copyFileRangeIn, writeOut } from '../kernel/messages.ts'
import { operation } from '../operation.ts'
import { clearCapabilities, clearSetId } from './set-id.ts'

const STEP_BYTES = 1024 * 1024
/** One answer's worth: the caller asks on, and a signal between two answers can end a long copy. */
const ANSWER_BYTES_MAX = 64 * STEP_BYTES

/** Copies through the client, so that the bytes need not cross into the kernel and back. */
export const copyFileRange = operation('copy_file_range', async (mount, request) => {
  const { fhIn, offIn, fhOut, offOut, len } = copyFileRangeIn.decode(request.body)
  const from = mount.handles.file(fhIn)
  const to = mount.handles.file(fhOut)
  if (request.uid !== 0) await clearSetId(mount, to.inode)
  await clearCapabilities(mount, to.inode)
  let copied = 0
  const wanted = Math.min(len, ANSWER_BYTES_MAX)
  while (copied < wanted) {
    const parts = await from.file.read(offIn + copied, Math.min(STEP_BYTES, wanted - copied))
    const before = copied
    for (const part of parts) {
      mount.cache.written(to.inode, offOut + copied + part.length)
      await to.file.write(offOut + copied, part)
      copied += part.length
    }
    if (copied === before) break
  }
  return { parts: [writeOut.encode({ size: copied })] }
})
