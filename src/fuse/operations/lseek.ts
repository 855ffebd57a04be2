import { DfsError } from '../../protocol/errors.ts'
import { lseekIn, lseekOut } from '../kernel/messages.ts'
import { Whence } from '../linux.ts'
import { operation } from '../operation.ts'

/** SEEK_DATA and SEEK_HOLE; the kernel does all other seeking itself. */
export const lseek = operation('lseek', async (mount, { body }) => {
  const { fh, offset, whence } = lseekIn.decode(body)
  if (whence !== Whence.data && whence !== Whence.hole) throw new DfsError('invalid', `lseek whence ${String(whence)}`)
  const found = await mount.handles.file(fh).file.seek(whence === Whence.data ? 'data' : 'hole', offset)
  return { parts: [lseekOut.encode({ offset: found })] }
})
