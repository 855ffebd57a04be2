import type { Clock } from '../../seams/clock.ts'
import type { Log } from '../../seams/log.ts'
import type { Random } from '../../seams/random.ts'
import type { MasterConfig } from '../config.ts'
import type { KnownServers } from '../servers/known.ts'
import type { Servers } from '../servers/registry.ts'
import type { Settling } from '../servers/settling.ts'
import type { Drops } from './drops.ts'
import type { Leases } from './leases.ts'
import type { Locations } from './locations.ts'
import type { ChunkLocks } from './lock.ts'
import type { ChunkTable } from './table.ts'

/** What work on chunks needs. */
export interface ChunkParts {
  readonly table: ChunkTable
  readonly locations: Locations
  readonly leases: Leases
  readonly locks: ChunkLocks
  readonly drops: Drops
  readonly servers: Servers
  readonly settling: Settling
  readonly known: Pick<KnownServers, 'isCompleteFor'>
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly config: MasterConfig
}
