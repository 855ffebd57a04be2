import { Table } from './keys.ts'

/** A key and what it has now; no value where it was removed. */
export interface Change {
  readonly key: Buffer
  readonly value: Buffer | undefined
}

export interface KeyRange {
  start: Buffer
  /** The first key behind the range. */
  end: Buffer
  limit?: number
  /** Begins behind `start`. */
  after?: boolean
}

/** What was put and removed and is not written to LMDB yet. */
export class Fresh {
  /** By the table's number, then by the bytes of the key: as strings they have the same order. */
  readonly #tables: readonly Map<string, Change>[] =
    Array.from({ length: Math.max(...Object.values(Table)) + 1 }, () => new Map<string, Change>())
  #size = 0

  /** How many keys were changed. */
  get size(): number {
    return this.#size
  }

  get(key: Buffer): Change | undefined {
    const table = this.#of(key)
    return table.size === 0 ? undefined : table.get(key.toString('latin1'))
  }

  set(change: Change): void {
    const table = this.#of(change.key)
    const before = table.size
    table.set(change.key.toString('latin1'), change)
    this.#size += table.size - before
  }

  /** In the order of their keys, whatever the limit. */
  within({ start, end, after = false }: KeyRange): Change[] {
    const table = this.#of(start)
    if (table.size === 0) return []
    const [first, behind] = [start.toString('latin1'), end.toString('latin1')]
    const found: [string, Change][] = []
    for (const [key, change] of table) {
      if (key < behind && (after ? key > first : key >= first)) found.push([key, change])
    }
    return found.sort(([one], [other]) => one < other ? -1 : 1).map(([, change]) => change)
  }

  /** Gives all away, each table's in the order in which its keys came. */
  * take(): Iterable<Change> {
    for (const table of this.#tables) {
      yield* table.values()
      table.clear()
    }
    this.#size = 0
  }

  #of(key: Buffer): Map<string, Change> {
    const table = this.#tables[key[0] ?? 0]
    if (table === undefined) throw new Error(`there is no table ${String(key[0])}`)
    return table
  }
}

/** Both in the order of their keys; where both have a key, what is fresh counts. */
export function* merged(
  kept: Iterable<{ key: Uint8Array, value: Buffer }>, fresh: readonly Change[],
): Generator<{ key: Uint8Array, value: Buffer }, undefined> {
  let next = 0
  for (const one of kept) {
    let isReplaced = false
    for (let change = fresh[next]; change !== undefined; change = fresh[next]) {
      const order = Buffer.compare(change.key, one.key)
      if (order > 0) break
      isReplaced = order === 0
      next++
      if (change.value !== undefined) yield { key: change.key, value: change.value }
    }
    if (!isReplaced) yield one
  }
  for (const { key, value } of fresh.slice(next)) {
    if (value !== undefined) yield { key, value }
  }
}
