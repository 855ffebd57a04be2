import fs from 'node:fs'
import path from 'node:path'
import { open, type Database, type RootDatabase } from 'lmdb'
import { Table } from './keys.ts'

/** Address space set aside for the file; the file grows only as it is filled. */
const MAP_BYTES = 2 ** 38

/** Room for tables to come. */
const TABLES_MAX = 64

/**
 * LMDB as the state uses it: a tree of bytes for each table, so that new keys at the end of a table come to the end of a
 * tree, where LMDB fills pages instead of halving them; written by one synchronous transaction at a time, never synced by
 * itself. After the death of the process the page cache still has all of it; after a power cut nothing here can be
 * trusted, and recovery starts from a checkpoint.
 */
export class Store {
  readonly #file: string
  readonly #root: RootDatabase<Buffer, Buffer>
  /** By the table's number, the first byte of a key. */
  readonly #tables: readonly Database<Buffer, Buffer>[]
  /** The copy under way: the tree must not be closed under it. */
  #copying: Promise<void> = Promise.resolve()

  constructor(file: string) {
    this.#file = file
    this.#root = open<Buffer, Buffer>({
      maxDbs: TABLES_MAX,
      path: file, noSubdir: true, encoding: 'binary', keyEncoding: 'binary', noSync: true, overlappingSync: false,
      mapSize: MAP_BYTES, cache: false, eventTurnBatching: false,
    })
    this.#tables = Array.from({ length: Math.max(...Object.values(Table)) + 1 }, (_, number) => (
      this.#root.openDB<Buffer, Buffer>({ name: String(number), encoding: 'binary', keyEncoding: 'binary', cache: false })))
  }

  /** The value, usable only until the next read: decode it at once, and mind that its length is no guide. */
  peek(key: Buffer): Buffer | undefined {
    return this.#of(key).getBinaryFast(key)
  }

  get(key: Buffer): Buffer | undefined {
    return this.#of(key).getBinary(key)
  }

  put(key: Buffer, value: Buffer): void {
    this.#of(key).putSync(key, value)
  }

  /** @returns whether there was something to remove */
  remove(key: Buffer): boolean {
    return this.#of(key).removeSync(key)
  }

  /** Keys from `start` to before `end`; what is written meanwhile may or may not be among them. */
  keys(range: { start: Buffer, end: Buffer, limit?: number, after?: boolean }): Iterable<Uint8Array> {
    return this.#of(range.start).getKeys(optionsOf(range))
  }

  entries(
    range: { start: Buffer, end: Buffer, limit?: number, after?: boolean },
  ): Iterable<{ key: Uint8Array, value: Buffer }> {
    return this.#of(range.start).getRange(optionsOf(range))
  }

  count(range: { start: Buffer, end: Buffer }): number {
    return this.#of(range.start).getKeysCount(range)
  }

  /** All that `run` writes, or nothing when it throws. */
  transaction<Result>(run: () => Result): Result {
    return this.#root.transactionSync(run)
  }

  /** Copies the state as it is now, without holding up anyone; the copy is durable when this resolves. */
  async copyTo(file: string): Promise<void> {
    const copying = this.#root.backup(file, false)
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

  #of(key: Buffer): Database<Buffer, Buffer> {
    const table = this.#tables[key[0] ?? 0]
    if (table === undefined) throw new Error(`there is no table ${String(key[0])}`)
    return table
  }

  async close(): Promise<void> {
    await this.#copying
    await this.#root.close()
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
