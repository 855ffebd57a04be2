import assert from 'node:assert/strict'

export const rackPolicies = ['spread', 'hdfs'] as const
/**
 * Where replicas go. 'spread': each on a rack of its own while there are enough racks. 'hdfs': the first near the
 * writer, the next two on one other rack. Either survives the loss of any one rack, if there are two.
 */
export type RackPolicy = (typeof rackPolicies)[number]

/** What an operator may choose for a master. */
export interface MasterConfig {
  /** HOST:PORT; port 0 takes a free one. */
  listen: string
  /** Replicas a chunk should have. */
  replicas: number
  /** For new files. */
  chunkSizeBytes: number
  rackPolicy: RackPolicy
  /** How often chunkservers report. */
  heartbeatMs: number
  /** A server silent for this long gets no new chunks and is read last. */
  staleMs: number
  /** A server silent for this long has lost its replicas: they are copied elsewhere. */
  deadMs: number
  /** How long a primary may order mutations without hearing from the master. */
  leaseMs: number
  /** After a start, how long to wait for chunkservers before deciding that something is missing. */
  settleMs: number
  /** A client silent for this long has lost its session. */
  sessionMs: number
  /** How long a replica has to answer a fence, at the first attempt. */
  fenceMs: number
  /** How long to wait for a server whose connection has just been lost. */
  graceMs: number
  /** A server with a smaller share of its disk free gets no new chunks. */
  minFreeFraction: number
  /** How long removed files can be brought back; 0: not at all. */
  trashMs: number
  /** How often the master looks for chunks to repair. */
  repairMs: number
  /** Copies that a server takes part in at the same time, as source or target. */
  repairStreams: number
  /** Bytes per second that all copies of one server together may move; 0 is no limit. */
  repairRateBytes: number
  /** How long a copy may take beyond what its rate asks for. */
  copyMs: number
}

export const defaultConfig: MasterConfig = {
  listen: '127.0.0.1:9400',
  replicas: 3,
  chunkSizeBytes: 64 * 1024 * 1024,
  rackPolicy: 'spread',
  heartbeatMs: 3_000,
  staleMs: 30_000,
  deadMs: 90_000,
  leaseMs: 60_000,
  settleMs: 5_000,
  sessionMs: 60_000,
  fenceMs: 2_000,
  graceMs: 1_000,
  minFreeFraction: 0.1,
  trashMs: 3 * 24 * 60 * 60 * 1_000,
  repairMs: 1_000,
  repairStreams: 2,
  repairRateBytes: 32 * 1024 * 1024,
  copyMs: 60_000,
}

/** Bounds of what the master keeps and does at once. */
export const bounds = {
  /** Replicas named in one `drop`. */
  dropBatchMax: 1_000,
  /** Chunks judged before others have a turn: some ms. */
  judgedPerSliceMax: 500,
  /** Replicas forgotten before others have a turn. */
  forgottenPerSliceMax: 2_000,
  /** Of all chunks there are, those judged again in one pass of the repair planner. */
  sweptPerPassMax: 5_000,
  /** Replicas looked at in one pass of the balancer. */
  balancedPerPassMax: 1_000,
  /** Chunks being helped at the same time, in the whole cluster. */
  helpedAtOnceMax: 256,
  /** Chunks tried when there is room for more copies; the others of a long queue come next time. */
  triedPerPassMax: 64,
  /** Files with something behind their end: those that are remembered, looked at in one pass, and cut at the same time. */
  tailsFoundMax: 100_000,
  tailsPerPassMax: 1_000,
  tailsAtOnceMax: 32,
  /** Files that one entry takes out of the trash for good, and such entries in one pass. */
  trashBatchMax: 128,
  trashBatchesPerPassMax: 32,
  /** Rounds of fencing before a lease is refused. */
  grantRoundsMax: 5,
} as const

const TRASH_MS_MAX = 10 * 365 * 24 * 60 * 60 * 1_000

/** @throws AssertionError naming what does not fit together */
export function checkConfig(config: MasterConfig): void {
  assert(config.staleMs > config.heartbeatMs, 'stale-ms must be more than heartbeat-ms')
  assert(config.deadMs > config.staleMs, 'dead-ms must be more than stale-ms')
  assert(config.leaseMs > config.heartbeatMs, 'lease-ms must be more than heartbeat-ms: leases are renewed by heartbeats')
  assert(config.trashMs <= TRASH_MS_MAX, 'trash-time must be ten years at most')
  assert(config.minFreeFraction >= 0 && config.minFreeFraction < 1, 'min-free must be from 0 to 1')
  assert(config.repairStreams >= 1, 'repair-streams must be at least 1')
  assert(config.repairRateBytes >= 0, 'repair-rate must not be negative')
  assert.equal(config.chunkSizeBytes % 65_536, 0, 'chunk-size must be a multiple of 64 KiB')
}
