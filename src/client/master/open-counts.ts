import type { InodeId } from '../../protocol/identifiers.ts'

export interface OpenCount {
  inode: InodeId
  count: number
}

/** What this client has open, and what it has closed and not told the master yet. */
export class OpenCounts {
  readonly #open = new Map<InodeId, number>()
  #released = new Map<InodeId, number>()
  #releasedCount = 0
  /** Closes are told together, after this long, or when there are so many. */
  readonly delayMs = 100
  readonly batchMax = 1_000

  add(inode: InodeId): void {
    this.#open.set(inode, (this.#open.get(inode) ?? 0) + 1)
  }

  /** @returns whether it was open */
  remove(inode: InodeId): boolean {
    const count = this.#open.get(inode)
    if (count === undefined) return false
    if (count === 1) this.#open.delete(inode)
    else this.#open.set(inode, count - 1)
    this.#released.set(inode, (this.#released.get(inode) ?? 0) + 1)
    this.#releasedCount++
    return true
  }

  get releasedCount(): number {
    return this.#releasedCount
  }

  takeReleased(): OpenCount[] {
    const released = [...this.#released].map(([inode, count]) => ({ inode, count }))
    this.#released = new Map()
    this.#releasedCount = 0
    return released
  }

  /** What is open now; nothing is left to be released, for the master will know all from this. */
  all(): OpenCount[] {
    this.takeReleased()
    return [...this.#open].map(([inode, count]) => ({ inode, count }))
  }

  clear(): void {
    this.#open.clear()
    this.takeReleased()
  }
}
