import fs from 'node:fs'
import path from 'node:path'
import { open, type Database, type RangeOptions, type RootDatabase } from 'lmdb'
import { Fresh, merged, type Change, type KeyRange } from './fresh.ts'
import { Table } from './keys.ts'

/** Address space set aside for the file; the file grows only as it is filled. */
const MAP_BYTES = 2 ** 38

/** Room for tables to come. */
const TABLES_MAX = 64

/**
 * LMDB as the state uses it: a tree of bytes for each table, so that new keys at the end of a table come to the end of a
 * tree, where LMDB fills pages instead of halving them. What is put or removed is kept at hand, where every reader finds it,
 * until {@link flush} writes it in one synchronous transaction, which costs about as much for many keys as for one. Never
 * synced by itself. After the death of the process the page cache still has all that was flushed; after a power cut nothing
 * here can be trusted, and recovery starts from a checkpoint.
 */
export class Store {
  readonly #file: string
  readonly #root: RootDatabase<Buffer, Buffer>
  /** By the table's number, the first byte of a key. */
  readonly #tables: readonly Database<Buffer, Buffer>[]
  readonly #fresh = new Fresh()
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
    const fresh = this.#fresh.get(key)
    return fresh === undefined ? this.#of(key).getBinaryFast(key) : fresh.value
  }

  /** The value; not to be changed. */
  get(key: Buffer): Buffer | undefined {
    const fresh = this.#fresh.get(key)
    return fresh === undefined ? this.#of(key).getBinary(key) : fresh.value
  }

  /** Neither key nor value may be changed afterwards. */
  put(key: Buffer, value: Buffer): void {
    this.#fresh.set({ key, value })
  }

  remove(key: Buffer): void {
    this.#fresh.set({ key, value: undefined })
  }

  /** Keys from `start` to before `end`; what is written meanwhile may or may not be among them. */
  * keys(range: KeyRange): Generator<Uint8Array, undefined> {
    const fresh = this.#fresh.within(range)
    if (fresh.length === 0) yield* this.#of(range.start).getKeys(optionsOf(range))
    else for (const { key } of this.#merged(range, fresh)) yield key
  }

  * entries(range: KeyRange): Generator<{ key: Uint8Array, value: Buffer }, undefined> {
    const fresh = this.#fresh.within(range)
    if (fresh.length === 0) yield* this.#of(range.start).getRange(optionsOf(range))
    else yield* this.#merged(range, fresh)
  }

  count(range: { start: Buffer, end: Buffer }): number {
    const fresh = this.#fresh.within(range)
    return fresh.length === 0 ? this.#of(range.start).getKeysCount(range) : [...this.#merged(range, fresh)].length
  }

  /** How many keys have changed since the last {@link flush}. */
  get freshCount(): number {
    return this.#fresh.size
  }

  /** Writes what has changed: all of it, or nothing when it throws. */
  flush(): void {
    this.#root.transactionSync(() => {
      for (const { key, value } of this.#fresh.take()) {
        if (value === undefined) this.#of(key).removeSync(key)
        else this.#of(key).putSync(key, value)
      }
    })
  }

  /** Copies the state as it was flushed, without holding up anyone; the copy is durable when this resolves. */
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

  /** When this returns, everything that was flushed survives a power cut. */
  makeDurable(): void {
    makeDurable(this.#file)
  }

  * #merged(range: KeyRange, fresh: readonly Change[]): Generator<{ key: Uint8Array, value: Buffer }, undefined> {
    const { limit = Infinity } = range
    // Each that is fresh hides one of the others at the most.
    const kept = this.#of(range.start).getRange(
      optionsOf(limit === Infinity ? range : { ...range, limit: limit + fresh.length }))
    let count = 0
    for (const entry of merged(kept, fresh)) {
      if (count++ === limit) return
      yield entry
    }
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

function optionsOf({ start, end, limit, after }: KeyRange): RangeOptions {
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
