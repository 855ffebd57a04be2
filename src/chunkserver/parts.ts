import type { ServerId } from '../protocol/identifiers.ts'
import type { LinkPool } from '../protocol/link-pool.ts'
import type { Clock } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { Timing } from './config.ts'
import type { DiskHealth } from './disk-health.ts'
import type { HeldPushes } from './pipeline/held.ts'
import type { LocalChunks } from './primary/local-chunk.ts'
import type { Scrubber } from './scrub/scrubber.ts'
import type { ReplicaStore } from './store/store.ts'

/** What the operations of one chunkserver work with. */
export interface Parts {
  self: ServerId
  store: ReplicaStore
  chunks: LocalChunks
  held: HeldPushes
  /** Told of every failure of the disk. */
  health: DiskHealth
  scrubber: Scrubber
  /** Connections to the other chunkservers. */
  links: LinkPool
  clock: Clock
  log: Log
  timing: Timing
}
