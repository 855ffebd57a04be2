import type { NewNode } from '../../client/file-system.ts'
import { DfsError } from '../../protocol/errors.ts'
import { nameAt } from '../decoding.ts'
import { entryReply } from '../encoding.ts'
import { mknodIn } from '../kernel/messages.ts'
import { FileTypeBits, ModeBits } from '../linux.ts'
import { callerOf, operation } from '../operation.ts'

/** Makes a file, fifo, socket or device node without opening it. The kernel has applied the umask. */
export const mknod = operation('mknod', async (mount, request) => {
  const asked = mknodIn.decode(request.body)
  const { name } = nameAt(request.body, mknodIn.sizeBytes)
  return entryReply(mount, await mount.fileSystem.make(
    request.inode, name, nodeOfMode(asked.mode, asked.rdev), callerOf(mount, request)))
})

/** What mknod(2) is asked to make. */
export function nodeOfMode(mode: number, device: number): NewNode {
  const permissions = mode & ModeBits.all
  switch (mode & FileTypeBits.mask) {
    case 0:
    case FileTypeBits.file: return { type: 'file', mode: permissions }
    case FileTypeBits.fifo: return { type: 'fifo', mode: permissions }
    case FileTypeBits.socket: return { type: 'socket', mode: permissions }
    case FileTypeBits.characterDevice: return { type: 'character-device', mode: permissions, device }
    case FileTypeBits.blockDevice: return { type: 'block-device', mode: permissions, device }
    default: throw new DfsError('invalid', `mknod cannot make a node of mode ${mode.toString(8)}`)
  }
}
