import type { Attributes } from '../../../src/protocol/attributes.ts'
import type { InodeId } from '../../../src/protocol/identifiers.ts'
import type { Name } from '../../../src/protocol/names.ts'
import { mountThroughKernel } from '../../../src/fuse/kernel/index.ts'
import { systemClock } from '../../../src/seams/clock.ts'
import type { Log } from '../../../src/seams/log.ts'
import { MemoryFileSystem } from '../memory-file-system.ts'

/*
 * A process of its own that serves one file system in memory at each mount point given, says "ready", and unmounts when its
 * standard input ends. Complaints go to standard error, where a test can look for them.
 */
const [cacheMs = '1000', ...mountPoints] = process.argv.slice(2)
const complain = (facts: object, sentence: string): void => { console.error(sentence, facts) }
const log: Log = {
  debug: process.env['DFS_TEST_VERBOSE'] === undefined ? () => {} : complain, info() {}, warn: complain, error: complain,
}
/** A cluster that never answers, for one name. */
class HangingFileSystem extends MemoryFileSystem {
  override lookup(parent: InodeId, name: Name): Promise<Attributes> {
    if (name === 'hang') return new Promise(() => {})
    return super.lookup(parent, name)
  }
}

const fileSystem = new HangingFileSystem({ cacheMs: Number(cacheMs) })
const mounts = await Promise.all(mountPoints.map(mountPoint => mountThroughKernel({
  fileSystem, root: fileSystem.root, mountPoint, source: 'memory:1', allowOther: true, options: [], clock: systemClock, log,
})))
process.stdout.write('ready\n')
process.stdin.resume().once('end', () => {
  for (const mount of mounts) void mount.unmount('force')
})
await Promise.all(mounts.map(mount => mount.ended))
process.stdout.write('unmounted\n')
process.exit(0)
