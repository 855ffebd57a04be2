import { DfsError } from '../../protocol/errors.ts'
import { xattrNameAt } from '../decoding.ts'
import { setxattrIn } from '../kernel/messages.ts'
import { XattrFlags } from '../linux.ts'
import { callerOf, done, operation } from '../operation.ts'

export const setxattr = operation('setxattr', async (mount, request) => {
  const { size, flags } = setxattrIn.decode(request.body)
  const { name, end } = xattrNameAt(request.body, setxattrIn.sizeBytes)
  // A copy: the request's buffer is used again while the client may still be sending.
  const value = Buffer.from(request.body.subarray(end, end + size))
  if (value.length !== size) throw new DfsError('bad-message', 'an attribute value without its end')
  await mount.fileSystem.setXattr(request.inode, name, value, xattrModeOf(flags), callerOf(mount, request))
  return done
})

/** What setxattr(2)'s flags mean. */
export function xattrModeOf(flags: number): 'any' | 'create' | 'replace' {
  if (flags === XattrFlags.create) return 'create'
  return flags === XattrFlags.replace ? 'replace' : 'any'
}
