// A process to be killed: makes directories on a real disk, and says the name of each once it has the answer.
import { superuser } from '../../src/protocol/attributes.ts'
import { ROOT_INODE } from '../../src/protocol/identifiers.ts'
import { systemClock } from '../../src/seams/clock.ts'
import { folder } from '../../src/seams/folder.ts'
import { silentLog } from '../../src/seams/log.ts'
import { MasterCore } from '../../src/master/core.ts'
import { nameOf } from './core-fixture.ts'

const data = process.argv[2]
if (data === undefined) throw new Error('which folder?')
const core = await MasterCore.open({
  disk: folder(data), clock: systemClock, log: silentLog, lmdbPath: data,
  config: { chunkSizeBytes: 65_536, sessionTimeoutMs: 60_000, trashMs: 0 }, checkpointBytes: 20_000,
})
const session = await core.sessions.start('child')
let sequence = 0
const work = async (): Promise<void> => {
  for (;;) {
    const at = ++sequence
    const name = `directory ${at}`
    await core.submit('make', {
      stamp: { session, sequence: at, oldestWaiting: Math.max(1, at - 64) }, caller: superuser,
      parent: ROOT_INODE, name: nameOf(name), node: { type: 'directory', mode: 0o755 },
    })
    process.stdout.write(`${name}\n`)
  }
}
await Promise.all(Array.from({ length: 32 }, work))
