import { fsyncIn } from '../kernel/messages.ts'
import { done, operation } from '../operation.ts'

/** fsync(2) and fdatasync(2). */
export const fsync = operation('fsync', async (mount, { body }) => {
  await mount.handles.file(fsyncIn.decode(body).fh).file.sync()
  return done
})

/** What the master has answered, it has on stable storage. */
export const fsyncdir = operation('fsyncdir', () => done)
