import { realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { pause, type Clock } from '../../seams/clock.ts'
import { codeOf } from '../kernel/device.ts'
import { FILE_SYSTEM_TYPE, MountError, unmount } from '../kernel/mounting.ts'
import { mountTable } from '../kernel/mount-table.ts'

/** A mount whose server lives answers sooner, or is worth no second one. */
const ANSWER_MS_MAX = 5_000

/**
 * The directory to mount on, absolute and without symbolic links, once nothing of ours is there any more: what a killed
 * server has left behind is taken away first.
 * @throws MountError
 */
export async function preparedMountPoint(given: string, clock: Clock): Promise<string> {
  const absolute = path.resolve(given)
  for (let cleaned = 0; ; cleaned++) {
    const found = await Promise.race([stateOf(absolute), pause(clock, ANSWER_MS_MAX).then(() => 'silent' as const)])
    switch (found) {
      case 'directory': {
        const real = await realpath(absolute)
        const ours = (await mountTable()).findLast(({ mountPoint }) => mountPoint === real)
        if (ours?.fileSystem === FILE_SYSTEM_TYPE) throw new MountError(`${real} is busy: ${ours.source} is mounted there already`)
        return real
      }
      case 'dead':
        // Several may lie on top of each other, each left by a server that was killed.
        if (cleaned < 16 && await unmount(absolute, 'lazy')) continue
        throw new MountError(`${absolute}: a mount without a server is there and cannot be taken away`)
      case 'missing': throw new MountError(`${absolute}: no such directory to mount on`)
      case 'other': throw new MountError(`${absolute} is not a directory`)
      case 'denied': throw new MountError(`${absolute}: permission denied`)
      case 'silent': throw new MountError(`${absolute} is busy: what is mounted there does not answer`)
    }
  }
}

async function stateOf(directory: string): Promise<'directory' | 'dead' | 'missing' | 'other' | 'denied'> {
  try {
    return (await stat(directory)).isDirectory() ? 'directory' : 'other'
  } catch (error) {
    switch (codeOf(error)) {
      // ECONNABORTED: the connection was cut while somebody waited for an answer.
      case 'ENOTCONN':
      case 'ECONNABORTED': return 'dead'
      case 'ENOTDIR': return 'other'
      case 'EACCES': return 'denied'
      case 'ENOENT': return 'missing'
      default: throw new MountError(`${directory}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}
