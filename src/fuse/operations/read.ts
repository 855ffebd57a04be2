import { readIn } from '../kernel/messages.ts'
import { operation } from '../operation.ts'

/** The client's own buffers go to the kernel, uncopied. */
export const read = operation('read', async (mount, { body }) => {
  const { fh, offset, size } = readIn.decode(body)
  const { parts, giveBack } = await mount.handles.file(fh).file.lend(offset, size)
  return { parts, answered: giveBack }
})
