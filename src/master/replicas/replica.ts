import type { ChunkVersion, ServerId } from '../../protocol/identifiers.ts'

/**
 * 'expected': a first lease was granted, so the replica may have been made, but its server has not reported it.
 * 'doubtful': after a power cut it may lack acknowledged bytes.
 */
export type ReplicaState = 'good' | 'doubtful' | 'corrupt' | 'expected'

/** What is known of one replica of a chunk. */
export interface Replica {
  readonly server: ServerId
  readonly version: ChunkVersion
  /** As last reported: servers do not tell of every write, but some seconds after the last one. */
  readonly lengthBytes: number
  readonly state: ReplicaState
}
