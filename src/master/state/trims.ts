import type { ChunkId, ChunkIndex, InodeId } from '../../protocol/identifiers.ts'
import { idIn, pairKey, secondIdIn, Table, tableKey } from './keys.ts'
import { encodeNumbers, numbersOf } from './numbers.ts'
import type { Store } from './store.ts'

/** Chunks of a file that are gone for everyone, though their records are still to be removed. */
export interface Trim {
  /** Tells a file's cuts apart. */
  readonly id: number
  readonly first: ChunkIndex
  /** The index behind the last. */
  readonly end: number
  /** Only chunks with smaller ids are meant: later ones were allocated after the cut. */
  readonly bound: ChunkId
}

/**
 * Cuts of huge files: the chunks vanish with the entry that cut them, and are removed by later entries, a bounded number
 * each, so that nobody waits behind a cut.
 */
export class Trims {
  readonly #store: Store
  readonly #trims = new Map<InodeId, Trim[]>()

  constructor(store: Store) {
    this.#store = store
    for (const { key, value } of store.entries({ start: tableKey(Table.trim), end: Buffer.from([Table.trim + 1]) })) {
      const numbers = numbersOf(value)
      this.#keep(idIn(key) as InodeId, {
        id: secondIdIn(key), first: numbers.next() as ChunkIndex, end: numbers.next(), bound: numbers.next() as ChunkId,
      })
    }
  }

  /** Whether a chunk on record is gone all the same. */
  hides(inode: InodeId, index: ChunkIndex, chunk: ChunkId): boolean {
    if (this.#trims.size === 0) return false
    return this.#trims.get(inode)?.some(({ first, end, bound }) => index >= first && index < end && chunk < bound) === true
  }

  of(inode: InodeId): readonly Trim[] {
    return this.#trims.get(inode) ?? []
  }

  inodes(): InodeId[] {
    return [...this.#trims.keys()]
  }

  add(inode: InodeId, trim: Omit<Trim, 'id'>): void {
    this.replace(inode, { ...trim, id: Math.max(0, ...this.of(inode).map(({ id }) => id)) + 1 })
  }

  /** Notes how far a cut has got. */
  replace(inode: InodeId, trim: Trim): void {
    this.#store.put(pairKey(Table.trim, inode, trim.id), encodeNumbers(trim.first, trim.end, trim.bound))
    this.#keep(inode, trim)
  }

  remove(inode: InodeId, { id }: Trim): void {
    this.#store.remove(pairKey(Table.trim, inode, id))
    const left = this.of(inode).filter(trim => trim.id !== id)
    if (left.length === 0) this.#trims.delete(inode)
    else this.#trims.set(inode, left)
  }

  #keep(inode: InodeId, trim: Trim): void {
    this.#trims.set(inode, [...this.of(inode).filter(({ id }) => id !== trim.id), trim])
  }
}
