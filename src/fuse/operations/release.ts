import { releaseIn } from '../kernel/messages.ts'
import { done, operation } from '../operation.ts'

/** The last reference to an open file is gone. Nobody waits for the answer, so an error here is for the log. */
export const release = operation('release', async (mount, { body }) => {
  const { fh } = releaseIn.decode(body)
  const handle = mount.handles.file(fh)
  mount.handles.remove(fh)
  mount.cache.closed(handle.inode, { writable: handle.writable })
  try {
    await handle.file.close()
  } catch (error) {
    mount.log.warn({ error, inode: handle.inode }, 'closing failed after the last close(2): bytes may be lost')
    throw error
  }
  return done
})
