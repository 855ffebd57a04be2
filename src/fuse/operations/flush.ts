import { flushIn } from '../kernel/messages.ts'
import { done, operation } from '../operation.ts'

/** One close(2) of a file that may be open elsewhere still. What other mounts open from now on has these bytes. */
export const flush = operation('flush', async (mount, { body }) => {
  const handle = mount.handles.file(flushIn.decode(body).fh)
  if (handle.writable) await handle.file.flush()
  return done
})
