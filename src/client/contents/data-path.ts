import type { ChunkLease, ChunkLocation } from '../../protocol/chunks.ts'
import type { ChunkId, ChunkIndex, ChunkVersion, InodeId, ServerId } from '../../protocol/identifiers.ts'
import type { LinkPool } from '../../protocol/link-pool.ts'
import type { Clock } from '../../seams/clock.ts'
import type { Log } from '../../seams/log.ts'
import type { Random } from '../../seams/random.ts'

/** What the data path asks of the master. Calls that cannot reach it are repeated below this seam, until their deadline. */
export interface DataMaster {
  /** The chunks of a range; an index that is missing is a hole. */
  locate(inode: InodeId, first: ChunkIndex, count: number): Promise<ChunkLocation[]>
  /** Makes a chunk writable, see masterApi.lease. */
  lease(inode: InodeId, index: ChunkIndex, suspects: ServerId[], known: ChunkVersion | undefined): Promise<ChunkLease>
  /** Says that a replica could not be read; nobody waits for it. */
  reportReplica(chunk: ChunkId, server: ServerId, problem: 'corrupt' | 'unreachable'): Promise<void>
}

export interface DataPathOptions {
  /** How long reads and writes are tried again before the program is told of an error. */
  patienceMs?: number
}

/** What all open files of one client share: memory bounds, streams, locations, leases and connections. */
export class DataPath {
  constructor(parts: {
    clock: Clock, random: Random, log: Log, pool: LinkPool, master: DataMaster, options?: DataPathOptions
  }) {
    void parts
  }
}
