import assert from 'node:assert/strict'
import type { ChunkId, ChunkIndex, ChunkVersion, InodeId } from '../../protocol/identifiers.ts'
import { idIn, idKey, pairKey, secondIdIn, Table, tableKey } from './keys.ts'
import { encodeNumbers, numberOf } from './numbers.ts'
import { decodeChunk, encodeChunk, type ChunkRecord, type FileChunk } from './records.ts'
import type { Store } from './store.ts'
import { Trims, type Trim } from './trims.ts'

/** Indexes of chunks in a file, from `first` to before `end`. */
export interface IndexRange {
  first: ChunkIndex
  end: number
}

/** Chunks by their id and by their place in a file. What a cut has hidden is gone for all who ask, and removed later. */
export class ChunkTable {
  readonly #store: Store
  readonly #trims: Trims

  constructor(store: Store) {
    this.#store = store
    this.#trims = new Trims(store)
  }

  get(chunk: ChunkId): ChunkRecord | undefined {
    const bytes = this.#store.peek(idKey(Table.chunk, chunk))
    if (bytes === undefined) return undefined
    const record = decodeChunk(chunk, bytes)
    return this.#trims.hides(record.inode, record.index, chunk) ? undefined : record
  }

  at(inode: InodeId, index: ChunkIndex): ChunkRecord | undefined {
    const bytes = this.#store.peek(pairKey(Table.fileChunk, inode, index))
    return bytes === undefined ? undefined : this.get(numberOf(bytes) as ChunkId)
  }

  /** In order; holes are left out. */
  of(inode: InodeId, range: IndexRange, limit: number): FileChunk[] {
    // Most files have one chunk, and one look is cheaper than a range.
    if (range.end - range.first === 1) {
      const one = this.at(inode, range.first)
      return one === undefined ? [] : [one]
    }
    const found = this.#onRecord(inode, range, limit)
    return found.filter(({ index, chunk }) => !this.#trims.hides(inode, index, chunk)).map(({ index, chunk }) => {
      const record = this.get(chunk)
      assert(record !== undefined, `chunk ${String(chunk)} of inode ${String(inode)} has no record`)
      return { index, chunk, version: record.version }
    })
  }

  count(inode: InodeId, range: IndexRange): number {
    if (this.#trims.of(inode).length === 0) return this.#store.count(keysOf(inode, range))
    return this.#onRecord(inode, range, Infinity).filter(({ index, chunk }) => !this.#trims.hides(inode, index, chunk)).length
  }

  /** All, in the order of their ids; one that was freed meanwhile may still come. */
  * each(): Iterable<ChunkRecord> {
    for (const { key, value } of this.#store.entries({ start: idKey(Table.chunk, 0), end: tableKey(Table.fileChunk) })) {
      const record = decodeChunk(idIn(key) as ChunkId, value)
      if (!this.#trims.hides(record.inode, record.index, record.chunk)) yield record
    }
  }

  add(record: ChunkRecord): void {
    this.set(record)
    this.#store.put(pairKey(Table.fileChunk, record.inode, record.index), encodeNumbers(record.chunk))
  }

  /** Of a chunk that stays where it is. */
  set(record: ChunkRecord): void {
    this.#store.put(idKey(Table.chunk, record.chunk), encodeChunk(record))
  }

  remove(inode: InodeId, { index, chunk }: { index: ChunkIndex, chunk: ChunkId }): void {
    this.#store.remove(idKey(Table.chunk, chunk))
    this.#store.remove(pairKey(Table.fileChunk, inode, index))
  }

  // Cuts

  /** Makes all chunks of a range vanish that have ids below the bound; {@link takeCut} says what is to be removed. */
  cut(inode: InodeId, range: IndexRange, bound: ChunkId): void {
    this.#trims.add(inode, { ...range, bound })
  }

  /** Cuts whose chunks are still to be removed. */
  cutsOf(inode: InodeId): readonly Trim[] {
    return this.#trims.of(inode)
  }

  /** Files with such cuts. */
  cutFiles(): InodeId[] {
    return this.#trims.inodes()
  }

  /** The chunk of a cut that is still on record at a place. */
  hiddenAt(inode: InodeId, index: ChunkIndex): { index: ChunkIndex, chunk: ChunkId } | undefined {
    return this.#trims.of(inode).length === 0 ? undefined : this.#onRecord(inode, { first: index, end: index + 1 }, 1)[0]
  }

  /** Looks at so many chunks of a cut's range. With the last of them goes the cut. @returns those that are to be removed */
  takeCut(inode: InodeId, cut: Trim, limit: number): { seen: number, hidden: { index: ChunkIndex, chunk: ChunkId }[] } {
    const found = this.#onRecord(inode, cut, limit)
    const last = found.at(-1)
    if (last === undefined || found.length < limit) this.#trims.remove(inode, cut)
    else this.#trims.replace(inode, { ...cut, first: last.index + 1 as ChunkIndex })
    return { seen: found.length, hidden: found.filter(({ chunk }) => chunk < cut.bound) }
  }

  /** Cut or not. */
  #onRecord(inode: InodeId, range: IndexRange, limit: number): { index: ChunkIndex, chunk: ChunkId }[] {
    const keys = keysOf(inode, range)
    return Array.from(this.#store.entries(limit === Infinity ? keys : { ...keys, limit }), ({ key, value }) => (
      { index: secondIdIn(key) as ChunkIndex, chunk: numberOf(value) as ChunkId }))
  }
}

function keysOf(inode: InodeId, { first, end }: IndexRange): { start: Buffer, end: Buffer } {
  return {
    start: pairKey(Table.fileChunk, inode, first),
    end: pairKey(Table.fileChunk, inode, Math.min(end, Number.MAX_SAFE_INTEGER)),
  }
}

/** A chunk that has just been made: no power cut has taken anything from it. */
export function freshChunk(record: Omit<ChunkRecord, 'lossVersion'>): ChunkRecord {
  return { ...record, lossVersion: 0 as ChunkVersion }
}
