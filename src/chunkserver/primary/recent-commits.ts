import type { CommitOutcome } from '../../protocol/chunkserver-api.ts'
import type { CommitId } from '../../protocol/identifiers.ts'
import { bounds } from '../config.ts'

/** What a mutation did, told to whoever repeats it. */
export type DoneCommit = Extract<CommitOutcome, { outcome: 'done' }>

/**
 * The last mutations applied to a replica, so that one that is repeated happens once. Every replica remembers, since any
 * may become the primary that a client repeats its unanswered commits to.
 */
export class RecentCommits {
  /** Oldest first. */
  readonly #done = new Map<CommitId, DoneCommit>()

  get(commit: CommitId): DoneCommit | undefined {
    return this.#done.get(commit)
  }

  remember(commit: CommitId, done: DoneCommit): void {
    this.#done.delete(commit)
    this.#done.set(commit, done)
    if (this.#done.size <= bounds.recentCommitsMax) return
    const [oldest] = this.#done.keys()
    if (oldest !== undefined) this.#done.delete(oldest)
  }

  /** After the bytes were replaced by another replica's, which may lack what happened here. */
  clear(): void {
    this.#done.clear()
  }
}
