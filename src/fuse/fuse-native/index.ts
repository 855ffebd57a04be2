import Fuse from 'fuse-native'
import { pause } from '../../seams/clock.ts'
import type { DriverMount } from '../driver.ts'
import type { KernelMountOptions } from '../kernel/index.ts'
import { MountError, unmount } from '../kernel/mounting.ts'
import { groupsOf } from '../kernel/process-status.ts'
import { Bridge } from './bridge.ts'

/** Requests that libfuse serves at the same time: each in flight holds one of its workers. */
const WORKERS = 64
/** A slow cluster is not a broken one: the client has its own patience, and this is beyond it. */
const ANSWER_MS_MAX = 180_000
const KEEP_ALIVE_MS = 60_000

/**
 * Mounts through libfuse and fusermount3, as users without root may. It is the way in where the kernel driver is not, with
 * limits that lie in libfuse's paths and in what the package passes on:
 * - hard links show different inode numbers, and inode numbers are libfuse's own;
 * - a file removed while it is open stays as `.fuse_hidden…` until it is closed;
 * - names that are not UTF-8 cannot be reached;
 * - what another mount changed is seen after the cache time, or on the next open, not in files that stay open;
 * - set-id bits are taken away as the master sees fit, not for every write;
 * - `ro` is kept by the adapter, and other options of mount(8) have no effect (fusermount3 sets nosuid and nodev).
 */
export async function mountThroughFuseNative(
  { fileSystem, root, mountPoint, source, allowOther, options, clock, log }: KernelMountOptions,
): Promise<DriverMount> {
  let isEnded = (): void => {}
  const destroyed = new Promise<void>(resolve => { isEnded = resolve })
  const bridge = new Bridge({
    fileSystem, root, readOnly: options.includes('ro'),
    caller: () => {
      const { uid = 0, gid = 0, pid = 0 } = fuse.context() ?? {}
      return { uid, gid, groups: uid === 0 ? [] : groupsOf(pid) }
    },
    onDestroy: isEnded,
    time: { now: Fuse.UTIME_NOW, omit: Fuse.UTIME_OMIT },
  })
  const cacheSeconds = fileSystem.cacheMs / 1000
  const fuse: Fuse = new Fuse(mountPoint, bridge.operations(), {
    fsname: source, subtype: 'dfs', allowOther, defaultPermissions: true, maxConcurrency: WORKERS, timeout: ANSWER_MS_MAX,
    entryTimeout: cacheSeconds, attrTimeout: cacheSeconds,
    onError: (error, operation) => { log.error({ error, operation }, 'an operation failed unexpectedly') },
  })
  await new Promise<void>((resolve, reject) => {
    fuse.mount(error => {
      if (error === null || error === undefined) resolve()
      else reject(new MountError(`${error.message} (mounting without root needs Debian's fuse3)`))
    })
  })
  const stopped = new AbortController()
  const flush = async (): Promise<void> => {
    for (const file of bridge.files()) {
      await file.flush().catch((error: unknown) => { log.error({ error }, 'bytes could not be handed over') })
    }
  }
  void (async () => {
    // The package does not keep the process alive by itself.
    while (!stopped.signal.aborted) await pause(clock, KEEP_ALIVE_MS, stopped.signal)
  })()
  return {
    ended: destroyed.then(async () => {
      stopped.abort()
      for (const file of bridge.files()) {
        await file.close().catch((error: unknown) => { log.error({ error }, 'closing failed: bytes may be lost') })
      }
    }),
    flush,
    unmount: async how => {
      const done = await new Promise<boolean>(resolve => {
        fuse.unmount((error?: Error | null) => { resolve(error === null || error === undefined) })
      })
      if (done) isEnded()
      if (done || how === 'idle') return done
      const forced = await unmount(mountPoint, 'lazy')
      isEnded()
      return forced
    },
  }
}
