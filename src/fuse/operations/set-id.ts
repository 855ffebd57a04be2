import type { InodeId } from '../../protocol/identifiers.ts'
import { superuser } from '../../protocol/attributes.ts'
import { isError } from '../../protocol/errors.ts'
import type { XattrName } from '../../protocol/names.ts'
import { ModeBits } from '../linux.ts'
import type { Mount } from '../operation.ts'

const capability = 'security.capability' as XattrName

/**
 * Takes away the rights that a program file gives to whoever runs it, as its contents or its owner change.
 * Set-group-id without group execution means mandatory locking and stays. The kernel leaves this to us (handle-killpriv
 * v2) and says in each request whether the caller's privileges spare the file.
 */
export async function clearSetId(mount: Mount, inode: InodeId): Promise<void> {
  const { type, mode } = await mount.fileSystem.attributes(inode)
  if (type !== 'file') return
  let cleared = mode & ~ModeBits.setUser
  if ((mode & ModeBits.groupExecute) !== 0) cleared &= ~ModeBits.setGroup
  if (cleared !== mode) await mount.fileSystem.setAttributes(inode, { mode: cleared }, superuser)
}

/** Takes away a program's file capabilities. */
export async function clearCapabilities(mount: Mount, inode: InodeId): Promise<void> {
  const { type, mode } = await mount.fileSystem.attributes(inode)
  if (type !== 'file' || (mode & ModeBits.anyExecute) === 0) return
  try {
    await mount.fileSystem.removeXattr(inode, capability, superuser)
  } catch (error) {
    if (!isError(error, 'no-such-attribute')) throw error
  }
}
