import type { InodeId } from '../../protocol/identifiers.ts'
import { idIn, idKey, pairKey, secondIdIn, Table, tableKey, writeId } from './keys.ts'
import { encodeNumbers, numbersOf } from './numbers.ts'
import type { Store } from './store.ts'

/** What is remembered of a file that was removed and can still be brought back. */
export interface Trashed {
  readonly deletedMs: number
  /** When it goes for good. */
  readonly dueMs: number
  /** Who removed it. */
  readonly deletedBy: number
  /** Its size at that time. */
  readonly sizeBytes: number
  /** Its last path, as bytes. Begins with a slash, unless its front was too long to be kept. */
  readonly path: string
}

/** Whether a path itself is meant, or all that lay below it as well. */
export type TrashScope = 'path' | 'tree'

/** So much of a path is in its key; keys of LMDB are short. */
const KEY_PATH_BYTES = 480

/** Files that were removed, found by inode, by when they are due, and by path. */
export class TrashTable {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  get(inode: InodeId): Trashed | undefined {
    const bytes = this.#store.get(idKey(Table.trash, inode))
    if (bytes === undefined) return undefined
    const numbers = numbersOf(bytes)
    return {
      deletedMs: numbers.next(), dueMs: numbers.next(), deletedBy: numbers.next(), sizeBytes: numbers.next(),
      path: bytes.toString('latin1', numbers.at),
    }
  }

  has(inode: InodeId): boolean {
    return this.#store.peek(idKey(Table.trash, inode)) !== undefined
  }

  /** Those that are due at a time, the earliest first. */
  due(nowMs: number, limit: number): InodeId[] {
    const range = { start: tableKey(Table.trashDue), end: pairKey(Table.trashDue, nowMs + 1, 0), limit }
    return Array.from(this.#store.keys(range), key => secondIdIn(key) as InodeId)
  }

  /** When the next is due. */
  get nextDueMs(): number | undefined {
    const [first] = this.#store.keys({ start: tableKey(Table.trashDue), end: tableKey(Table.trashPath), limit: 1 })
    return first === undefined ? undefined : idIn(first)
  }

  /**
   * Files that had this path or, as a tree, lay below it; paths in the order of their bytes, of one path the latest first.
   * Others may be among them: those that begin alike.
   * @param path '' stands for all @param after a cursor that came with one of them
   */
  find(
    path: string, scope: TrashScope, { after, limit }: { after?: Uint8Array | undefined, limit: number },
  ): { inode: InodeId, cursor: Buffer }[] {
    const start = Buffer.concat([tableKey(Table.trashPath), startOf(path), Buffer.alloc(scope === 'path' ? 1 : 0)])
    const from = after === undefined ? start : Buffer.concat([tableKey(Table.trashPath), after])
    const range = { start: Buffer.compare(from, start) > 0 ? from : start, end: behind(start), limit, after: after !== undefined }
    return Array.from(this.#store.keys(range), key => {
      const cursor = Buffer.from(key.subarray(1))
      return { inode: Number.MAX_SAFE_INTEGER - idIn(cursor.subarray(-9)) as InodeId, cursor }
    })
  }

  add(inode: InodeId, trashed: Trashed): void {
    const { deletedMs, dueMs, deletedBy, sizeBytes, path } = trashed
    this.#store.put(idKey(Table.trash, inode),
      Buffer.concat([encodeNumbers(deletedMs, dueMs, deletedBy, sizeBytes), Buffer.from(path, 'latin1')]))
    this.#store.put(pairKey(Table.trashDue, dueMs, inode), NOTHING)
    this.#store.put(pathKey(inode, trashed), NOTHING)
  }

  remove(inode: InodeId, trashed: Trashed): void {
    this.#store.remove(idKey(Table.trash, inode))
    this.#store.remove(pairKey(Table.trashDue, trashed.dueMs, inode))
    this.#store.remove(pathKey(inode, trashed))
  }
}

const NOTHING = Buffer.from([1])

/** The path, a zero byte, then what puts the latest first: time and inode, each taken from the largest number. */
function pathKey(inode: InodeId, { path, deletedMs }: Trashed): Buffer {
  const order = Buffer.alloc(17)
  writeId(order, Number.MAX_SAFE_INTEGER - deletedMs, 1)
  writeId(order, Number.MAX_SAFE_INTEGER - inode, 9)
  return Buffer.concat([tableKey(Table.trashPath), startOf(path), order])
}

function startOf(path: string): Buffer {
  return Buffer.from(path, 'latin1').subarray(0, KEY_PATH_BYTES)
}

/** The first key behind all that begin with these bytes, of which not all are 255. */
function behind(start: Buffer): Buffer {
  const end = Buffer.from(start)
  let last = end.length - 1
  while (end[last] === 255) last--
  end[last] = (end[last] ?? 0) + 1
  return end.subarray(0, last + 1)
}
