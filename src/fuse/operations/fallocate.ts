import { DfsError } from '../../protocol/errors.ts'
import { fallocateIn } from '../kernel/messages.ts'
import { AllocateFlags as Flags } from '../linux.ts'
import { done, operation } from '../operation.ts'

export const fallocate = operation('fallocate', async (mount, { inode, body }) => {
  const { fh, offset, length, mode } = fallocateIn.decode(body)
  const { file } = mount.handles.file(fh)
  const kind = allocationKind(mode)
  mount.cache.written(inode, kind === 'extend' || kind === 'zero' ? offset + length : 0)
  await file.allocate(kind, offset, length)
  return done
})

/** What fallocate(2) is asked to do. */
export function allocationKind(mode: number): 'extend' | 'reserve' | 'zero' | 'zero-keep-size' | 'punch' {
  switch (mode) {
    case 0: return 'extend'
    case Flags.keepSize: return 'reserve'
    case Flags.punchHole | Flags.keepSize: return 'punch'
    case Flags.zeroRange: return 'zero'
    case Flags.zeroRange | Flags.keepSize: return 'zero-keep-size'
    default: throw new DfsError('not-supported', `fallocate mode ${String(mode)}`)
  }
}
