import type { InodeId } from '../../protocol/identifiers.ts'
import type { Name } from '../../protocol/names.ts'
import { idKey, nameIn, nameKey, Table } from './keys.ts'
import { encodeNumbers, numberOf } from './numbers.ts'
import type { Store } from './store.ts'

/** What is in which directory under which name, and what each directory itself is called. */
export class NameTable {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  get(parent: InodeId, name: Name): InodeId | undefined {
    const bytes = this.#store.peek(nameKey(Table.entry, parent, name))
    return bytes === undefined ? undefined : numberOf(bytes) as InodeId
  }

  /** Names in a directory behind `after`, in the order of their bytes. */
  of(parent: InodeId, after: Name | undefined, limit: number): { name: Name, inode: InodeId }[] {
    const range = { start: nameKey(Table.entry, parent, after ?? ''), end: idKey(Table.entry, parent + 1), limit, after: true }
    return Array.from(this.#store.entries(range), ({ key, value }) => (
      { name: nameIn(key) as Name, inode: numberOf(value) as InodeId }))
  }

  set(parent: InodeId, name: Name, inode: InodeId): void {
    this.#store.put(nameKey(Table.entry, parent, name), encodeNumbers(inode))
  }

  remove(parent: InodeId, name: Name): void {
    this.#store.remove(nameKey(Table.entry, parent, name))
  }

  ofDirectory(directory: InodeId): Name | undefined {
    return this.#store.get(idKey(Table.directoryName, directory))?.toString('latin1') as Name | undefined
  }

  setOfDirectory(directory: InodeId, name: Name): void {
    this.#store.put(idKey(Table.directoryName, directory), Buffer.from(name, 'latin1'))
  }

  removeOfDirectory(directory: InodeId): void {
    this.#store.remove(idKey(Table.directoryName, directory))
  }
}
