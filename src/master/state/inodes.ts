import type { InodeId } from '../../protocol/identifiers.ts'
import { idKey, Table } from './keys.ts'
import { decodeInode, decodeSizes, encodeInode, type Inode, type Sizes } from './records.ts'
import type { Store } from './store.ts'

/** Decoded inodes kept at hand: so many used lately, and as many used before them. */
const CACHED_INODES = 30_000

/** The records of inodes, those used lately decoded already. */
export class InodeTable {
  readonly #store: Store
  #recent = new Map<InodeId, Inode>()
  #older = new Map<InodeId, Inode>()

  constructor(store: Store) {
    this.#store = store
  }

  get(inode: InodeId): Inode | undefined {
    const recent = this.#recent.get(inode)
    if (recent !== undefined) return recent
    const older = this.#older.get(inode)
    if (older !== undefined) {
      this.#keep(inode, older)
      return older
    }
    const bytes = this.#store.peek(idKey(Table.inode, inode))
    if (bytes === undefined) return undefined
    const decoded = decodeInode(bytes)
    this.#keep(inode, decoded)
    return decoded
  }

  /** For whoever looks at one inode after the other: none of them is kept at hand, and little is decoded. */
  sizesOf(inode: InodeId): Sizes | undefined {
    const known = this.#recent.get(inode) ?? this.#older.get(inode)
    if (known !== undefined) return known
    const bytes = this.#store.peek(idKey(Table.inode, inode))
    return bytes === undefined ? undefined : decodeSizes(bytes)
  }

  put(inode: InodeId, record: Inode): void {
    this.#store.put(idKey(Table.inode, inode), encodeInode(record))
    this.#keep(inode, record)
  }

  remove(inode: InodeId): void {
    this.#store.remove(idKey(Table.inode, inode))
    this.#recent.delete(inode)
    this.#older.delete(inode)
  }

  #keep(inode: InodeId, record: Inode): void {
    // Two generations, since dropping the oldest of a large Map one by one is slow.
    if (this.#recent.size >= CACHED_INODES) {
      this.#older = this.#recent
      this.#recent = new Map()
    }
    this.#recent.set(inode, record)
  }
}
