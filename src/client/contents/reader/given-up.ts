import { LRUCache } from 'lru-cache'
import type { DfsError } from '../../../protocol/errors.ts'
import type { ChunkIndex, InodeId } from '../../../protocol/identifiers.ts'
import type { Clock } from '../../../seams/clock.ts'

const CHUNKS_MAX = 4_096

/** A kernel asks again at once after readahead that failed: whoever waited should not wait as long once more. */
const KEEP_MS = 2_000

/** Chunks that were waited for in vain a moment ago, and what those who waited were told. */
export class GivenUp {
  readonly #clock: Clock
  readonly #chunks = new LRUCache<string, { error: DfsError, untilMs: number }>({ max: CHUNKS_MAX })

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Somebody's patience for the chunk has run out. @returns whether nobody else's has just before */
  add(inode: InodeId, index: ChunkIndex, error: DfsError): boolean {
    const isNews = this.errorOf(inode, index) === undefined
    this.#chunks.set(keyOf(inode, index), { error, untilMs: this.#clock.nowMs() + KEEP_MS })
    return isNews
  }

  /** What to tell at once instead of waiting. */
  errorOf(inode: InodeId, index: ChunkIndex): DfsError | undefined {
    // So it nearly always is, and every read asks.
    if (this.#chunks.size === 0) return undefined
    const found = this.#chunks.get(keyOf(inode, index))
    return found !== undefined && found.untilMs > this.#clock.nowMs() ? found.error : undefined
  }
}

function keyOf(inode: InodeId, index: ChunkIndex): string {
  return `${String(inode)}/${String(index)}`
}
