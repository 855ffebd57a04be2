import fs from 'node:fs'

/** Where a sync takes less than this, a trip through the thread pool costs more time than it lets others have. */
const INLINE_MS_MAX = 1
/** What one sync counts for in the average. */
const WEIGHT = 1 / 8

/** How the files of one disk are synced. */
export interface Syncs {
  /** Bytes and size of the file survive a power cut when this resolves. @throws the error of fdatasync(2) */
  sync(fd: number): Promise<void>
}

/** In the thread pool: a disk that stalls for seconds stalls nobody who does not wait for it. */
export const pooledSyncs: Syncs = { sync: inPool }

/**
 * In this thread as long as the disk has been quick of late, since each trip through the thread pool wakes two threads;
 * otherwise, and for all but the first of one turn of the event loop, in the pool. For whoever syncs little at a time and
 * can do nothing else meanwhile.
 */
export class QuickSyncs implements Syncs {
  #averageMs = Infinity
  #inlineThisTurn = false

  async sync(fd: number): Promise<void> {
    const startedMs = performance.now()
    try {
      if (this.#averageMs > INLINE_MS_MAX || this.#inlineThisTurn) await inPool(fd)
      else {
        this.#inlineThisTurn = true
        setImmediate(() => { this.#inlineThisTurn = false })
        fs.fdatasyncSync(fd)
      }
    } finally {
      this.#took(performance.now() - startedMs)
    }
  }

  #took(ms: number): void {
    this.#averageMs = this.#averageMs === Infinity ? ms : this.#averageMs + (ms - this.#averageMs) * WEIGHT
  }
}

function inPool(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fdatasync(fd, error => {
      if (error === null) resolve()
      else reject(error)
    })
  })
}
