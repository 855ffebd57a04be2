import {
  closeSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, renameSync, rmdirSync, statSync,
  writeFileSync, writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { numbersFrom, patternBytes } from './bytes.ts'
import { MiB } from './stream.ts'

const PAGE = 4_096
const FOLDERS = 20
const FILES_PER_FOLDER = 100
const BIG_BYTES = 64 * MiB
const RANDOM_READS = 1_000
const SYNCED_WRITES = 100

/**
 * Work that is not timed, on files of its own. A system that runs for weeks is measured as it runs then: processes that have
 * only just started are slower for a moment, since memory is touched for the first time and code is compiled.
 */
export class WarmUp {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = join(folder, 'warm-up')
  }

  /** Once, for servers and mount. */
  begin(): void {
    const contents = patternBytes(PAGE, 3)
    mkdirSync(this.#folder)
    for (const folder of this.#folders) {
      mkdirSync(folder)
      for (let index = 0; index < FILES_PER_FOLDER; index++) {
        const path = join(folder, `file-${String(index)}`)
        writeFileSync(path, contents)
        renameSync(path, `${path}.renamed`)
        mkdirSync(path)
        rmdirSync(path)
      }
    }
    const fd = openSync(this.#big, 'w+')
    const piece = patternBytes(MiB, 4)
    for (let at = 0; at < BIG_BYTES; at += MiB) writeSync(fd, piece, 0, MiB, at)
    const random = numbersFrom(1)
    for (let done = 0; done < SYNCED_WRITES; done++) {
      writeSync(fd, contents, 0, PAGE, random(BIG_BYTES / PAGE) * PAGE)
      fsyncSync(fd)
    }
    closeSync(fd)
  }

  /** For a mount that is new. */
  again(): void {
    for (const folder of this.#folders) {
      for (const name of readdirSync(folder)) statSync(join(folder, name))
      for (const name of readdirSync(folder)) readFileSync(join(folder, name))
    }
    const fd = openSync(this.#big, 'r')
    const page = Buffer.alloc(PAGE)
    const random = numbersFrom(2)
    for (let done = 0; done < RANDOM_READS; done++) readSync(fd, page, 0, PAGE, random(BIG_BYTES / PAGE) * PAGE)
    closeSync(fd)
    readFileSync(this.#big)
  }


  get #folders(): string[] {
    return Array.from({ length: FOLDERS }, (_, index) => join(this.#folder, `folder-${String(index)}`))
  }

  get #big(): string {
    return join(this.#folder, 'big')
  }
}
