import { LRUCache } from 'lru-cache'
import type { InodeId } from '../../protocol/identifiers.ts'
import type { Clock } from '../../seams/clock.ts'

/** So many names of one directory asked for within the time that answers are good for, and the next is foreseen. */
const ASKED_MIN = 3
const DIRECTORIES_MAX = 10_000
/** A directory that was too large is not tried again for this long, in ms. */
const TOO_LARGE_MS = 60_000

interface Asked {
  sinceMs: number
  count: number
}

/**
 * Foresees lookups: whoever asks for several names of a directory, one after the other, mostly goes on with the others.
 * Reading a small directory once costs less than asking for its names one by one.
 */
export class Neighbours {
  /** A page that is this long holds all of a directory worth reading. */
  readonly entriesMax = 256
  readonly #clock: Clock
  readonly #withinMs: number
  readonly #asked = new LRUCache<InodeId, Asked>({ max: DIRECTORIES_MAX })

  constructor(clock: Clock, withinMs: number) {
    this.#clock = clock
    this.#withinMs = withinMs
  }

  /** To be called for each name that the master has to be asked for. @returns whether to read the directory instead */
  areWanted(directory: InodeId): boolean {
    const nowMs = this.#clock.nowMs()
    const asked = this.#asked.get(directory)
    if (asked === undefined || nowMs - asked.sinceMs > this.#withinMs) {
      this.#asked.set(directory, { sinceMs: nowMs, count: 1 })
      return false
    }
    asked.count++
    if (asked.count < ASKED_MIN) return false
    this.#asked.set(directory, { sinceMs: nowMs, count: 0 })
    return true
  }

  /** The directory did not fit: it would be read in vain again. */
  tooLarge(directory: InodeId): void {
    this.#asked.set(directory, { sinceMs: this.#clock.nowMs() + TOO_LARGE_MS, count: -Infinity })
  }
}
