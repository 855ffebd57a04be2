import type { FileSystem } from '../../client/file-system.ts'
import type { InodeId } from '../../protocol/identifiers.ts'
import type { Clock } from '../../seams/clock.ts'
import type { Log } from '../../seams/log.ts'
import type { DriverMount } from '../driver.ts'
import { mountDevice, openDevice, unmount, widenReadAhead } from './mounting.ts'
import { KernelSession } from './session.ts'

export interface KernelMountOptions {
  fileSystem: FileSystem
  /** The directory that becomes the mount's root. */
  root: InodeId
  /** Absolute, without symbolic links. */
  mountPoint: string
  source: string
  allowOther: boolean
  /** Options that mount(8) and the kernel understand, such as `ro` or `nosuid`. */
  options: readonly string[]
  clock: Clock
  log: Log
}

/** Mounts a file system through /dev/fuse, as root may. Resolves when it answers. @throws MountError */
export async function mountThroughKernel(
  { fileSystem, root, mountPoint, source, allowOther, options, clock, log }: KernelMountOptions,
): Promise<DriverMount> {
  const device = openDevice()
  const session = new KernelSession({ device, fileSystem, root, clock, log })
  let isReady = (): void => {}
  const ready = new Promise<void>(resolve => { isReady = resolve })
  const ended = session.serve(isReady)
  try {
    await mountDevice(device, { source, mountPoint, allowOther, options })
    // A handshake that fails is what mounted but will never answer.
    await Promise.race([ready, ended])
  } catch (error) {
    session.end()
    await unmount(mountPoint, 'force').catch(() => false)
    throw error
  }
  await widenReadAhead(mountPoint)
  return {
    ended,
    flush: () => session.flush(),
    unmount: how => unmount(mountPoint, how),
  }
}
