import assert from 'node:assert/strict'
import type { FileSystem, OpenFile } from '../../src/client/file-system.ts'
import { superuser } from '../../src/protocol/attributes.ts'
import { bytesOfText, type Name } from '../../src/protocol/names.ts'
import { pause, type Clock } from '../../src/seams/clock.ts'
import type { Journey } from './journey.ts'
import type { SeededRandom } from './random.ts'

/** One chunk, so that all writes meet in one order. */
const FILE_BYTES = 200_000
/** Small ones travel with their commit, large ones are pushed: so they overtake each other on the way to a replica. */
const SMALL_BYTES_MAX = 20_000
const THINK_MS_MAX = 400

/**
 * A file that all clients write at once, over each other. Which of them wins is undefined, but each byte ends as the last
 * one that some client wrote there; and that all replicas agree is checked with all others.
 */
export class ContendedFile {
  readonly #name = bytesOfText('contended') as Name
  /** What each client wrote last, and nothing where it never wrote. */
  readonly #last: (number | undefined)[][] = []

  async make(fileSystem: FileSystem): Promise<void> {
    await fileSystem.make(fileSystem.root, this.#name, { type: 'file', mode: 0o644 }, superuser)
  }

  async write(
    { fileSystem, clock, random, label, journey }:
    { fileSystem: FileSystem, clock: Clock, random: SeededRandom, label: string, journey: Journey }, writes: number,
  ): Promise<void> {
    const last: (number | undefined)[] = []
    this.#last.push(last)
    const handle = await this.#open(fileSystem)
    for (let number = 1; number <= writes; number++) {
      await pause(clock, random.below(THINK_MS_MAX))
      const offsetBytes = random.below(FILE_BYTES)
      const lengthBytes = 1 + random.below(Math.min(FILE_BYTES - offsetBytes, random.chance(0.5) ? FILE_BYTES : SMALL_BYTES_MAX))
      journey.doing = `writing ${String(lengthBytes)} bytes at ${String(offsetBytes)} of the contended file`
      const byte = 1 + random.below(255)
      await handle.write(offsetBytes, Buffer.alloc(lengthBytes, byte))
      last.length = Math.max(last.length, offsetBytes + lengthBytes)
      last.fill(byte, offsetBytes, offsetBytes + lengthBytes)
      if (random.chance(0.7)) await handle.sync()
    }
    journey.doing = `closing the contended file (${label})`
    await handle.close()
  }

  async check(fileSystem: FileSystem): Promise<void> {
    const handle = await this.#open(fileSystem)
    const found = Buffer.concat(await handle.read(0, FILE_BYTES))
    await handle.close()
    assert.equal(found.length, Math.max(...this.#last.map(({ length }) => length)), 'the size of the contended file')
    for (const [at, byte] of found.entries()) {
      const wrote = this.#last.flatMap(last => last[at] ?? [])
      const mayBe = wrote.length === 0 ? byte === 0 : wrote.includes(byte)
      assert(mayBe, `byte ${String(at)} of the contended file is ${String(byte)}, and the last that was written there ${wrote.join(' or ')}`)
    }
  }

  async #open(fileSystem: FileSystem): Promise<OpenFile> {
    const { inode } = await fileSystem.lookup(fileSystem.root, this.#name, superuser)
    return fileSystem.open(inode, { read: true, write: true }, superuser)
  }
}
