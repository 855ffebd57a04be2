import type { FileSystem } from '../../client/file-system.ts'
import { superuser } from '../../protocol/attributes.ts'
import { DfsError, isError } from '../../protocol/errors.ts'
import type { InodeId } from '../../protocol/identifiers.ts'
import { textOf, type Name } from '../../protocol/names.ts'
import { pause, type Clock } from '../../seams/clock.ts'
import type { Log } from '../../seams/log.ts'
import type { DriverMount } from '../driver.ts'
import { mountThroughKernel } from '../kernel/index.ts'
import { MountError } from '../kernel/mounting.ts'
import { preparedMountPoint } from './mount-point.ts'
import type { MountOptions } from './options.ts'
import type { Source } from './source.ts'

/** A cluster as a mount uses it. */
export interface Connected {
  fileSystem: FileSystem
  close(): Promise<void>
}

export interface ConnectOptions {
  masters: string[]
  host: string | undefined
  patienceMs: number | undefined
  log: Log
}

export type Connect = (options: ConnectOptions) => Promise<Connected>

export interface ServedMount {
  mountPoint: string
  /** Resolves after the unmount, whoever did it, when everything has been handed over. */
  readonly ended: Promise<void>
  /** Writes everything out and unmounts, also where files are open. */
  stop(): Promise<void>
  /** Takes the mount away as it is. */
  force(): Promise<void>
}

/** A master that does not answer within this time, in ms, is not there. */
const CONNECT_MS_MAX = 20_000

/** Connects, mounts, and serves until the unmount. Resolves when the mount answers. @throws MountError DfsError */
export async function serveMount(
  { source, mountPoint: given, options, connect, clock, log }:
  { source: Source, mountPoint: string, options: MountOptions, connect: Connect, clock: Clock, log: Log },
): Promise<ServedMount> {
  const mountPoint = await preparedMountPoint(given, clock)
  const connected = await connectedInTime(
    connect({ masters: source.masters, host: options.host, patienceMs: options.patienceMs, log }), source.masters.join(','), clock)
  let mount: DriverMount
  try {
    const root = await directoryAt(connected.fileSystem, source.path)
    mount = await mountWith(options, {
      fileSystem: connected.fileSystem, root, mountPoint, source: source.text, clock, log,
      allowOther: options.allowOther ?? process.getuid?.() === 0,
      options: options.forKernel,
    })
  } catch (error) {
    await connected.close()
    throw error
  }
  return {
    mountPoint,
    ended: mount.ended.finally(() => connected.close()),
    stop: async () => {
      // 1. The usual case: nobody uses it, and the kernel has told us of every close.
      if (await mount.unmount('idle')) return
      // 2. Somebody does: what they have written so far is kept, what they write from now on fails.
      log.warn({ mountPoint }, 'files are open: unmounting all the same')
      await mount.flush()
      await mount.unmount('force')
    },
    force: async () => { await mount.unmount('force') },
  }
}

type DriverOptions = Parameters<typeof mountThroughKernel>[0]

async function mountWith({ driver }: MountOptions, options: DriverOptions): Promise<DriverMount> {
  const chosen = driver ?? (process.getuid?.() === 0 ? 'kernel' : 'fuse-native')
  if (chosen === 'kernel') return mountThroughKernel(options)
  // Loaded where it is used only: it brings native code along.
  const { mountThroughFuseNative } = await import('../fuse-native/index.ts')
  return mountThroughFuseNative(options)
}

async function connectedInTime(connecting: Promise<Connected>, masters: string, clock: Clock): Promise<Connected> {
  const late = pause(clock, CONNECT_MS_MAX).then(() => {
    throw new MountError(`no master answers at ${masters}`)
  })
  try {
    return await Promise.race([connecting, late])
  } catch (error) {
    if (isError(error, 'unreachable')) throw new MountError(`cannot mount ${masters}: ${error.message}`)
    throw error
  }
}

async function directoryAt(fileSystem: FileSystem, path: readonly Name[]): Promise<InodeId> {
  let inode = fileSystem.root
  for (const name of path) {
    const attributes = await fileSystem.lookup(inode, name, superuser).catch((error: unknown) => {
      if (!isError(error, 'no-such-entry')) throw error
      throw new MountError(`there is no directory /${textOf(path.join('/'))} in the file system`)
    })
    if (attributes.type !== 'directory') throw new DfsError('not-a-directory', `${textOf(name)} is not a directory`)
    inode = attributes.inode
  }
  return inode
}
