import { idIn, idKey, tableKey, type Table } from './keys.ts'
import type { Store } from './store.ts'

const NOTHING = Buffer.from([1])

/** A table that is a set of ids, all of them at hand: not many, and asked for with every request. */
export class IdSet<Id extends number> {
  readonly #store: Store
  readonly #table: Table
  readonly #ids: Set<Id>

  constructor(store: Store, table: Table) {
    this.#store = store
    this.#table = table
    const range = { start: tableKey(table), end: Buffer.from([table + 1]) }
    this.#ids = new Set(Array.from(store.keys(range), key => idIn(key) as Id))
  }

  has(id: Id): boolean {
    return this.#ids.has(id)
  }

  all(): Id[] {
    return [...this.#ids]
  }

  add(id: Id): void {
    if (this.#ids.has(id)) return
    this.#ids.add(id)
    this.#store.put(idKey(this.#table, id), NOTHING)
  }

  remove(id: Id): void {
    if (this.#ids.delete(id)) this.#store.remove(idKey(this.#table, id))
  }
}
