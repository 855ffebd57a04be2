import { idIn, idKey, tableKey, type Table } from './keys.ts'
import type { Store } from './store.ts'

const NOTHING = Buffer.from([1])

/** A table that is a set of ids. */
export class IdSet<Id extends number> {
  readonly #store: Store
  readonly #table: Table

  constructor(store: Store, table: Table) {
    this.#store = store
    this.#table = table
  }

  has(id: Id): boolean {
    return this.#store.peek(idKey(this.#table, id)) !== undefined
  }

  /** In their order. */
  all(): Id[] {
    const range = { start: tableKey(this.#table), end: Buffer.from([this.#table + 1]) }
    return Array.from(this.#store.keys(range), key => idIn(key) as Id)
  }

  add(id: Id): void {
    this.#store.put(idKey(this.#table, id), NOTHING)
  }

  remove(id: Id): void {
    this.#store.remove(idKey(this.#table, id))
  }
}
