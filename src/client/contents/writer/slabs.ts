import type { WriteBudget } from './budget.ts'

const SMALL_SLAB_BYTES = 64 * 1024
const LARGE_SLAB_BYTES = 1024 * 1024

const SLAB_BYTES = { small: SMALL_SLAB_BYTES, large: LARGE_SLAB_BYTES } as const

/** Empty slabs of each size that are kept for the next writer. */
const KEPT_MAX = { small: 256, large: 64 } as const

/** A piece of memory that unsent bytes are copied into, one write behind the other. */
export interface Slab {
  readonly kind: 'small' | 'large' | 'odd'
  readonly bytes: Buffer
  /** Bytes handed out, from the front. */
  used: number
  /** Bytes handed out and still needed. */
  live: number
  /** Whether its bytes may still sit in the queue of a connection that was given up: it must not be used again. */
  spoilt: boolean
}

/** Slabs of one client, used again and again: fresh memory costs a page fault for every 4 KiB. */
export class SlabPool {
  readonly #budget: WriteBudget
  readonly #free = { small: [] as Buffer[], large: [] as Buffer[] }

  constructor(budget: WriteBudget) {
    this.#budget = budget
  }

  /** A slab for a file that has `unsentBytes`: small files must not each hold a large one. Waits for the budget. */
  async take(neededBytes: number, unsentBytes: number): Promise<Slab> {
    if (neededBytes > LARGE_SLAB_BYTES) {
      await this.#budget.take(neededBytes)
      return { kind: 'odd', bytes: Buffer.allocUnsafeSlow(neededBytes), used: 0, live: 0, spoilt: false }
    }
    const kind = neededBytes > SMALL_SLAB_BYTES || unsentBytes >= 2 * SMALL_SLAB_BYTES ? 'large' : 'small'
    const sizeBytes = SLAB_BYTES[kind]
    await this.#budget.take(sizeBytes)
    return { kind, bytes: this.#free[kind].pop() ?? Buffer.allocUnsafeSlow(sizeBytes), used: 0, live: 0, spoilt: false }
  }

  giveBack(slab: Slab): void {
    if (slab.kind !== 'odd' && !slab.spoilt) {
      const free = this.#free[slab.kind]
      if (free.length < KEPT_MAX[slab.kind]) free.push(slab.bytes)
    }
    this.#budget.giveBack(slab.bytes.length)
  }
}

/** A copy of somebody's bytes, and the slab that it stands in. */
export interface Copied {
  slab: Slab
  bytes: Buffer
}

/** The most that one call of {@link SlabWriter.copy} takes. */
export const SLAB_BYTES_MAX = LARGE_SLAB_BYTES

/** The slabs of one file. Sequential writes come to lie one behind the other in memory, so that they are sent as one. */
export class SlabWriter {
  readonly #pool: SlabPool
  #current: Slab | undefined
  #liveBytes = 0

  constructor(pool: SlabPool) {
    this.#pool = pool
  }

  /** Copies a front part of the data, or all of it; waits while the client's budget is used up. */
  async copy(data: Uint8Array): Promise<Copied> {
    const slab = this.#current
    if (slab !== undefined && slab.used < slab.bytes.length) return this.#fill(slab, data)
    return this.#fill(await this.#takeSlab(Math.min(data.length, SLAB_BYTES_MAX)), data)
  }

  /**
   * Copies all of the data into one slab. Who cannot send a part must not hold one while waiting for room for the rest:
   * all memory could be taken by such halves.
   */
  async copyWhole(data: Uint8Array): Promise<Copied> {
    return this.copyNow(data) ?? this.#fill(await this.#takeSlab(data.length), data)
  }

  async #takeSlab(neededBytes: number): Promise<Slab> {
    this.#current = undefined
    const slab = await this.#pool.take(neededBytes, this.#liveBytes)
    // Another writer of this file may have taken one in the meantime.
    this.#retire()
    this.#current = slab
    return slab
  }

  /** As copy, without waiting; undefined when a new slab is needed for it. */
  copyNow(data: Uint8Array): Copied | undefined {
    const slab = this.#current
    if (slab === undefined || slab.bytes.length - slab.used < data.length) return undefined
    return this.#fill(slab, data)
  }

  #fill(slab: Slab, data: Uint8Array): Copied {
    const count = Math.min(data.length, slab.bytes.length - slab.used)
    const bytes = slab.bytes.subarray(slab.used, slab.used + count)
    bytes.set(count === data.length ? data : data.subarray(0, count))
    slab.used += count
    slab.live += count
    this.#liveBytes += count
    return { slab, bytes }
  }

  /** The bytes are no longer needed: sent, or overwritten before they were. */
  release(slab: Slab, count: number): void {
    slab.live -= count
    this.#liveBytes -= count
    if (slab.live > 0) return
    if (slab === this.#current) this.#current = undefined
    this.#pool.giveBack(slab)
  }

  /** A slab that is current no longer goes back as soon as nothing in it is needed. */
  #retire(): void {
    const slab = this.#current
    this.#current = undefined
    if (slab?.live === 0) this.#pool.giveBack(slab)
  }
}
