import type { ChunkId } from '../../protocol/identifiers.ts'

/** One piece of work at a time for each chunk: a copy never meets a new lease, nor one lease another. */
export class ChunkLocks {
  readonly #last = new Map<ChunkId, Promise<unknown>>()

  isHeld(chunk: ChunkId): boolean {
    return this.#last.has(chunk)
  }

  /** Runs `work` when everything that asked before has ended. */
  async hold<Result>(chunk: ChunkId, work: () => Promise<Result>): Promise<Result> {
    const before = this.#last.get(chunk)
    const mine = before === undefined ? work() : before.then(work, work)
    this.#last.set(chunk, mine)
    try {
      return await mine
    } finally {
      if (this.#last.get(chunk) === mine) this.#last.delete(chunk)
    }
  }
}
