import type { Clock } from '../seams/clock.ts'
import type { Disk } from '../seams/disk.ts'
import type { Log } from '../seams/log.ts'
import type { ChunkId, ChunkVersion } from '../protocol/identifiers.ts'
import type { EntryKind, EntryReply, EntryRequest } from './entries.ts'
import type { Sessions } from './sessions/sessions.ts'
import type { MasterState } from './state/index.ts'

export interface CoreConfig {
  /** Size of the chunks of files made from now on. */
  chunkSizeBytes: number
  /** A session whose client has been silent for this long ends. */
  sessionTimeoutMs: number
}

export interface CoreOptions {
  disk: Disk
  clock: Clock
  log: Log
  /** A folder of the real file system for LMDB's files; the disk's own root in production. Made if missing. */
  lmdbPath: string
  config: CoreConfig
}

/** The master's state machine: journals mutations, applies them, and remembers what it answered. */
export declare class MasterCore {
  /**
   * Recovers the state, ready to serve.
   * @throws DfsError 'journal-failed' the journal is damaged in its middle: says where
   */
  static open(options: CoreOptions): Promise<MasterCore>
  /** What has been applied, all of it durable. */
  readonly state: MasterState
  /** Client sessions and what they have open. */
  readonly sessions: Sessions
  /**
   * Journals and applies one mutation; a repeat of one (same session and sequence) gets the first one's answer.
   * @throws DfsError what the mutation was refused with; 'session-expired', 'journal-failed', 'shutting-down'
   */
  submit<Kind extends EntryKind>(kind: Kind, request: EntryRequest<Kind>): Promise<EntryReply<Kind>>
  /** A version no chunk has had. */
  takeVersion(): Promise<ChunkVersion>
  /** Called, after their removal is durable, with chunks that are no longer part of any file. */
  onFreed(listener: (chunks: readonly ChunkId[]) => void): void
  /** Called once when the journal has failed: this master can change nothing any more and should end. */
  onFatal(listener: (error: Error) => void): void
  /** Bytes of journal written since the last checkpoint. */
  get journalBytes(): number
  /** Finishes what is under way, refuses the rest, and leaves the state marked as cleanly stopped. */
  close(): Promise<void>
}
