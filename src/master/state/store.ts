import fs from 'node:fs'
import path from 'node:path'
import { open, type RootDatabase } from 'lmdb'

/** Address space set aside for the file; the file grows only as it is filled. */
const MAP_BYTES = 2 ** 38

/**
 * LMDB as the state uses it: one tree of bytes, written by one synchronous transaction at a time, never synced by
 * itself. After the death of the process the page cache still has all of it; after a power cut nothing here can be
 * trusted, and recovery starts from a checkpoint.
 */
export class Store {
  readonly #file: string
  readonly #tree: RootDatabase<Buffer, Buffer>
  /** The copy under way: the tree must not be closed under it. */
  #copying: Promise<void> = Promise.resolve()

  constructor(file: string) {
    this.#file = file
    this.#tree = open<Buffer, Buffer>({
      path: file, noSubdir: true, encoding: 'binary', keyEncoding: 'binary', noSync: true, overlappingSync: false,
      mapSize: MAP_BYTES, cache: false, eventTurnBatching: false,
    })
  }

  /** The value, usable only until the next read: decode it at once, and mind that its length is no guide. */
  peek(key: Buffer): Buffer | undefined {
    return this.#tree.getBinaryFast(key)
  }

  get(key: Buffer): Buffer | undefined {
    return this.#tree.getBinary(key)
  }

  put(key: Buffer, value: Buffer): void {
    this.#tree.putSync(key, value)
  }

  /** @returns whether there was something to remove */
  remove(key: Buffer): boolean {
    return this.#tree.removeSync(key)
  }

  /** Keys from `start` to before `end`; what is written meanwhile may or may not be among them. */
  keys(range: { start: Buffer, end: Buffer, limit?: number, after?: boolean }): Iterable<Uint8Array> {
    return this.#tree.getKeys(optionsOf(range))
  }

  entries(
    range: { start: Buffer, end: Buffer, limit?: number, after?: boolean },
  ): Iterable<{ key: Uint8Array, value: Buffer }> {
    return this.#tree.getRange(optionsOf(range))
  }

  count(range: { start: Buffer, end: Buffer }): number {
    return this.#tree.getKeysCount(range)
  }

  /** All that `run` writes, or nothing when it throws. */
  transaction<Result>(run: () => Result): Result {
    return this.#tree.transactionSync(run)
  }

  /** Copies the state as it is now, without holding up anyone; the copy is durable when this resolves. */
  async copyTo(file: string): Promise<void> {
    const copying = this.#tree.backup(file, false)
    this.#copying = copying.catch(() => undefined)
    await copying
    await madeDurable(file)
  }

  /** The same in one go, with no other thread: no transaction runs, since all of them are ours and synchronous. */
  copyNow(file: string): void {
    fs.copyFileSync(this.#file, file)
    makeDurable(file)
  }

  /** When this returns, everything committed survives a power cut. */
  makeDurable(): void {
    makeDurable(this.#file)
  }

  async close(): Promise<void> {
    await this.#copying
    await this.#tree.close()
  }
}

function optionsOf(
  { start, end, limit, after }: { start: Buffer, end: Buffer, limit?: number, after?: boolean },
): { start: Buffer, end: Buffer, limit?: number, exclusiveStart: boolean, snapshot: boolean } {
  return { start, end, ...(limit === undefined ? {} : { limit }), exclusiveStart: after === true, snapshot: true }
}

/** The same while others go on: syncing a large file takes seconds. */
async function madeDurable(file: string): Promise<void> {
  for (const name of [file, path.dirname(file)]) {
    const handle = await fs.promises.open(name, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  }
}

function makeDurable(file: string): void {
  for (const name of [file, path.dirname(file)]) {
    const fd = fs.openSync(name, 'r')
    try {
      fs.fsyncSync(fd)
    } finally {
      fs.closeSync(fd)
    }
  }
}
