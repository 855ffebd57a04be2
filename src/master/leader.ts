import type { ChunkVersion } from '../protocol/identifiers.ts'
import type { Clock } from '../seams/clock.ts'
import type { Decided, EntryKind } from './entries.ts'
import type { MasterState } from './state/index.ts'

/** Versions reserved by one journal entry; what is left of them at a crash is never used. */
const RESERVE = 10_000

/** Chooses, before an entry is journalled, what applying it must not choose: time, new ids, versions. */
export class Leader {
  readonly #clock: Clock
  readonly #chunkSizeBytes: number
  readonly #trashMs: number
  readonly #state: MasterState
  readonly #reserve: (upTo: ChunkVersion) => Promise<void>
  #nextInode: number
  #nextChunk: number
  #nextSession: number
  #nextVersion: number
  #reserving: Promise<void> | undefined

  constructor(
    { state, clock, chunkSizeBytes, trashMs, reserve }: {
      state: MasterState, clock: Clock, chunkSizeBytes: number, trashMs: number,
      reserve: (upTo: ChunkVersion) => Promise<void>,
    },
  ) {
    this.#state = state
    this.#clock = clock
    this.#chunkSizeBytes = chunkSizeBytes
    this.#trashMs = trashMs
    this.#reserve = reserve
    this.#nextInode = state.nextInode
    this.#nextChunk = state.nextChunk
    this.#nextSession = state.nextSession
    this.#nextVersion = state.versionBound
  }

  /** @param withChunk a new file gets its first chunk with it */
  decide(kind: EntryKind, { withChunk }: { withChunk: boolean }): Decided {
    return {
      atNs: this.#clock.wallNs(),
      newId: this.#newId(kind),
      version: kind === 'allocateChunk' || withChunk ? this.nextVersion() : 0,
      newChunk: withChunk ? this.#nextChunk++ : 0,
      chunkSizeBytes: kind === 'make' || kind === 'create' ? this.#chunkSizeBytes : 0,
      trashMs: kind === 'unlink' || kind === 'rename' ? this.#trashMs : 0,
    }
  }

  /** Resolves when versions can be taken; takes care that this is at once nearly always. */
  async versionsReady(): Promise<void> {
    const left = this.#state.versionBound - this.#nextVersion
    if (left < RESERVE / 2) {
      this.#reserving ??= this.#reserve((this.#state.versionBound + RESERVE) as ChunkVersion)
        .finally(() => { this.#reserving = undefined })
      if (left <= 0) await this.#reserving
      // Who need not wait for it need not hear of its failure either: the next one will.
      else this.#reserving.catch(() => undefined)
    }
    // Those that waited together may have taken all.
    if (this.#state.versionBound <= this.#nextVersion) await this.versionsReady()
  }

  nextVersion(): ChunkVersion {
    if (this.#nextVersion >= this.#state.versionBound) throw new Error('versions are taken after versionsReady()')
    return this.#nextVersion++ as ChunkVersion
  }

  #newId(kind: EntryKind): number {
    switch (kind) {
      case 'make': case 'create': return this.#nextInode++
      case 'allocateChunk': return this.#nextChunk++
      case 'startSession': return this.#nextSession++
      default: return 0
    }
  }
}
