import type { RenameMode } from '../../client/file-system.ts'
import { DfsError } from '../../protocol/errors.ts'
import { inodeOf, nameAt } from '../decoding.ts'
import { rename2In, renameIn } from '../kernel/messages.ts'
import { RenameFlags } from '../linux.ts'
import { callerOf, done, operation, type Mount, type Reply, type Request } from '../operation.ts'

/** rename(2). */
export const rename = operation('rename', (mount, request) =>
  move(mount, request, { ...renameIn.decode(request.body), namesAt: renameIn.sizeBytes, mode: 'replace' }))

/** renameat2(2) with flags. */
export const rename2 = operation('rename2', (mount, request) => {
  const { newdir, flags } = rename2In.decode(request.body)
  return move(mount, request, { newdir, namesAt: rename2In.sizeBytes, mode: renameModeOf(flags) })
})

async function move(
  mount: Mount, request: Request, { newdir, namesAt, mode }: { newdir: number, namesAt: number, mode: RenameMode },
): Promise<Reply> {
  const from = nameAt(request.body, namesAt)
  const to = nameAt(request.body, from.end)
  await mount.fileSystem.rename(
    { parent: request.inode, name: from.name },
    { parent: inodeOf(mount.root, newdir), name: to.name },
    mode, callerOf(mount, request))
  return done
}

/** What renameat2(2)'s flags mean. */
export function renameModeOf(flags: number): RenameMode {
  switch (flags) {
    case 0: return 'replace'
    case RenameFlags.noReplace: return 'no-replace'
    case RenameFlags.exchange: return 'exchange'
    default: throw new DfsError('invalid', `rename flags ${String(flags)} have no meaning here`)
  }
}
