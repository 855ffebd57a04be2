import type { ChunkVersion, InodeId } from '../../protocol/identifiers.ts'
import { idKey, Table } from './keys.ts'
import { encodeNumbers, numbersOf } from './numbers.ts'
import type { Store } from './store.ts'

/** Bytes behind `endBytes` that were written to a file under versions older than `version` are gone. */
export interface TailCut {
  version: ChunkVersion
  endBytes: number
}

/** What was last given up behind the ends of files: see namespace/cut-tail.ts. */
export class TailCuts {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  of(inode: InodeId): TailCut | undefined {
    const bytes = this.#store.peek(idKey(Table.tailCut, inode))
    if (bytes === undefined) return undefined
    const numbers = numbersOf(bytes)
    return { version: numbers.next() as ChunkVersion, endBytes: numbers.next() }
  }

  set(inode: InodeId, { version, endBytes }: TailCut): void {
    this.#store.put(idKey(Table.tailCut, inode), encodeNumbers(version, endBytes))
  }

  remove(inode: InodeId): void {
    this.#store.remove(idKey(Table.tailCut, inode))
  }
}
