import assert from 'node:assert/strict'
import type { FileSystem, OpenFile } from '../../src/client/file-system.ts'
import { superuser } from '../../src/protocol/attributes.ts'
import { bytesOfText, type Name } from '../../src/protocol/names.ts'
import { pause, type Clock } from '../../src/seams/clock.ts'
import type { Journey } from './journey.ts'
import type { SeededRandom } from './random.ts'

/** A power of two, so that no record crosses the end of a chunk; and large, so that the log spans some. */
const RECORD_BYTES = 8 * 1024
const THINK_MS_MAX = 600

/** A file that all clients append to at once: each record is there once, and those of one client in its order. */
export class SharedLog {
  readonly #name = bytesOfText('log') as Name
  /** How many records each client has appended. */
  readonly #appended = new Map<string, number>()

  async make(fileSystem: FileSystem): Promise<void> {
    await fileSystem.make(fileSystem.root, this.#name, { type: 'file', mode: 0o644 }, superuser)
  }

  async append(
    { fileSystem, clock, random, label, journey }:
    { fileSystem: FileSystem, clock: Clock, random: SeededRandom, label: string, journey: Journey }, records: number,
  ): Promise<void> {
    const handle = await this.#open(fileSystem)
    for (let number = 1; number <= records; number++) {
      await pause(clock, random.below(THINK_MS_MAX))
      journey.doing = `appending record ${String(number)} to the log`
      await handle.write(0, Buffer.alloc(RECORD_BYTES, `${label} ${String(number)};`))
      if (random.chance(0.2)) await handle.sync()
      this.#appended.set(label, number)
    }
    journey.doing = 'closing the log'
    await handle.close()
  }

  async check(fileSystem: FileSystem): Promise<void> {
    const handle = await this.#open(fileSystem)
    const seen = new Map<string, number>()
    for (let at = 0; ; at += RECORD_BYTES) {
      const record = Buffer.concat(await handle.read(at, RECORD_BYTES))
      if (record.length === 0) break
      const [, label = '', number = ''] = /^(\S+) (\d+);/.exec(record.toString('latin1')) ?? []
      assert(record.equals(Buffer.alloc(RECORD_BYTES, `${label} ${number};`)), `the log at ${String(at)}: not a whole record`)
      assert.equal(Number(number), (seen.get(label) ?? 0) + 1, `the log at ${String(at)}: the record of ${label} that follows`)
      seen.set(label, Number(number))
    }
    await handle.close()
    assert.deepEqual(Object.fromEntries(seen), Object.fromEntries(this.#appended), 'how many records of each client the log has')
  }

  async #open(fileSystem: FileSystem): Promise<OpenFile> {
    const { inode } = await fileSystem.lookup(fileSystem.root, this.#name, superuser)
    return fileSystem.open(inode, { read: true, write: true, append: true }, superuser)
  }
}
