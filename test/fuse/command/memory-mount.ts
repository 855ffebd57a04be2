import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { runMountCommand } from '../../../src/fuse/command/index.ts'
import { superuser } from '../../../src/protocol/attributes.ts'
import { DfsError } from '../../../src/protocol/errors.ts'
import type { Name } from '../../../src/protocol/names.ts'
import { systemClock } from '../../../src/seams/clock.ts'
import { MemoryFileSystem } from '../memory-file-system.ts'

/* dfs-mount, but for the cluster: a file system in memory, with a directory "sub", stands in at every master but "nobody:1". */
const note = process.env['DFS_TEST_NOTES'] ?? '/dev/null'
// However a test ends, no mount outlives it for long.
setTimeout(() => { process.kill(process.pid, 'SIGKILL') }, 30_000).unref()
const complain = (facts: object, sentence: string): void => { console.error(sentence, facts) }

process.exit(await runMountCommand({
  argv: process.argv.slice(2),
  script: fileURLToPath(import.meta.url),
  version: '1.2.3',
  clock: systemClock,
  logAt: () => ({ debug() {}, info() {}, warn: complain, error: complain }),
  connect: async ({ masters }) => {
    if (masters[0] === 'nobody:1') throw new DfsError('unreachable', 'no master answers: connection refused')
    const fileSystem = new MemoryFileSystem()
    await fileSystem.make(fileSystem.root, 'sub' as Name, { type: 'directory', mode: 0o755 }, superuser)
    writeFileSync(note, `${String(process.pid)}\n`)
    return {
      fileSystem,
      close: () => {
        const open = [...fileSystem.nodes.values()].reduce((sum, { opens }) => sum + opens, 0)
        writeFileSync(note, `closed with ${String(open)} files open\n`)
        return Promise.resolve()
      },
    }
  },
}))
