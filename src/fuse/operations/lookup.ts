import { superuser } from '../../protocol/attributes.ts'
import { nameAt } from '../decoding.ts'
import { entryReply } from '../encoding.ts'
import { operation } from '../operation.ts'

/** Finds a name in a directory. That the caller may search it, the kernel has checked (default_permissions). */
export const lookup = operation('lookup', (mount, { inode, body }) => {
  const { name } = nameAt(body, 0)
  const known = mount.fileSystem.knownEntry(inode, name, superuser)
  if (known !== undefined) return entryReply(mount, known)
  return mount.fileSystem.lookup(inode, name, superuser).then(found => entryReply(mount, found))
})
