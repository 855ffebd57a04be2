import assert from 'node:assert/strict'
import { Column, float64, uint32 } from './column.ts'

/** No row: the first has number 1. */
export const NONE = 0

/** A power of two. From there on the buckets become more with the rows. */
const BUCKETS_MIN = 4_096
const BUCKETS_MAX = 2 ** 30
const ROWS_MAX = 2 ** 30

/**
 * Numbered rows, each of one chunk, found by the chunk's id: linear hashing. There are as many buckets as rows; with each
 * row more one bucket is divided in two, so that no insertion ever has to rearrange everything. Freed numbers are used again.
 */
export class Rows {
  readonly #chunk = new Column(float64)
  /** The next row in the same bucket, or behind a free one the next free one. */
  readonly #next = new Column(uint32)
  /** The first row of each bucket. */
  readonly #first = new Column(uint32)
  #buckets = BUCKETS_MIN
  /** The largest power of two that is not larger. */
  #low = BUCKETS_MIN
  #free = NONE
  /** Numbers that were ever used, and rows that are now. */
  #used = 0
  #count = 0

  /** The first row of a chunk. */
  find(chunk: number): number {
    return this.#seek(this.#first.get(this.#bucketOf(chunk)), chunk)
  }

  /** Its next one after `row`. */
  findNext(row: number): number {
    return this.#seek(this.#next.get(row), this.#chunk.get(row))
  }

  chunkOf(row: number): number {
    return this.#chunk.get(row)
  }

  add(chunk: number): number {
    if (this.#count >= this.#buckets && this.#buckets < BUCKETS_MAX) this.#divide()
    const row = this.#take()
    this.#chunk.set(row, chunk)
    this.#put(row, this.#bucketOf(chunk))
    this.#count++
    return row
  }

  remove(row: number): void {
    const bucket = this.#bucketOf(this.#chunk.get(row))
    const after = this.#next.get(row)
    let at = this.#first.get(bucket)
    if (at === row) {
      this.#first.set(bucket, after)
    } else {
      while (this.#next.get(at) !== row) at = this.#next.get(at)
      this.#next.set(at, after)
    }
    this.#next.set(row, this.#free)
    this.#free = row
    this.#count--
  }

  #seek(from: number, chunk: number): number {
    let row = from
    while (row !== NONE && this.#chunk.get(row) !== chunk) row = this.#next.get(row)
    return row
  }

  #take(): number {
    const row = this.#free
    if (row === NONE) {
      assert(this.#used < ROWS_MAX, 'the table of replicas has room for a billion chunks')
      return ++this.#used
    }
    this.#free = this.#next.get(row)
    return row
  }

  #put(row: number, bucket: number): void {
    this.#next.set(row, this.#first.get(bucket))
    this.#first.set(bucket, row)
  }

  /** Adds a bucket: the rows of the one that has its share until now go to either. */
  #divide(): void {
    const divided = this.#buckets - this.#low
    this.#buckets++
    if (this.#buckets === 2 * this.#low) this.#low = this.#buckets
    let row = this.#first.get(divided)
    this.#first.set(divided, NONE)
    while (row !== NONE) {
      const next = this.#next.get(row)
      this.#put(row, this.#bucketOf(this.#chunk.get(row)))
      row = next
    }
  }

  #bucketOf(chunk: number): number {
    const bucket = hashOf(chunk) & (2 * this.#low - 1)
    // Those behind the last have not been divided off yet.
    return bucket < this.#buckets ? bucket : bucket - this.#low
  }
}

/** Mixes an id below 2^53 so that ids in any pattern fall evenly into the buckets. */
function hashOf(id: number): number {
  let hash = id ^ Math.imul(Math.floor(id / 2 ** 32), 0x9e3779b1)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
