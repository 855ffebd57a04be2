import type { ScrubConfig } from './scrub/scrubber.ts'

/** What an operator chooses for one chunkserver. */
export interface ChunkServerConfig {
  /** HOST:PORT to listen at; port 0 takes a free one, and the same one again after a restart. */
  listen: string
  /** HOST:PORT that others reach it at, where that differs. */
  advertise?: string
  /** Where it stands: servers of one rack may die together. */
  rack: string
  /** The machine it runs on. */
  host: string
  /** HOST:PORT of each master; the first that answers will do. */
  masters: readonly string[]
  /** How much of the disk replicas may take, in bytes; all of it where this is missing. */
  capacityBytes?: number
  timing?: Partial<Timing>
  scrub?: Partial<ScrubConfig>
}

/** Durations in ms. */
export interface Timing {
  /** A peer that has not applied a mutation after this has failed. */
  applyMs: number
  /** One hop of a push. */
  pushMs: number
  /** Reading, checking and shipping one piece of a replica. */
  transferMs: number
  syncMs: number
  /** Pushed bytes that nobody used for this long are dropped. */
  heldMs: number
  /** How long a push waits for room before it is told 'busy'. */
  roomMs: number
  /** Between two tries to reach a master, at first and at most. */
  reconnectMs: { first: number, most: number }
  /** An answer of the master. */
  masterMs: number
  /** How long news for the master is gathered before it is told. */
  gatherMs: number
  /** Between two steps of the cleaner. */
  cleanMs: number
}

export const defaultTiming: Timing = {
  applyMs: 5_000,
  pushMs: 5_000,
  transferMs: 10_000,
  syncMs: 20_000,
  heldMs: 60_000,
  roomMs: 1_000,
  reconnectMs: { first: 100, most: 3_000 },
  masterMs: 5_000,
  gatherMs: 100,
  cleanMs: 1_000,
}

/** Bounds of what a chunkserver keeps in memory beyond its replicas. */
export const bounds = {
  heldPushesMax: 4_096,
  /** Mutations of one chunk that may wait for an earlier one. */
  waitingAppliesMax: 1_024,
  /** Commits of one chunk whose outcome is remembered for repeats. */
  recentCommitsMax: 256,
  /** Chunks with a state in memory, above which idle ones are forgotten early. */
  activeChunksMax: 65_536,
  /** A chunk nobody wrote to for this long needs no state in memory: its lease ended long ago. */
  idleChunkMs: 600_000,
  /** Pieces under way in one copy, and their size. */
  copyPiecesInFlight: 4,
  copyPieceBytes: 1024 * 1024,
  /** Bytes of one patch. */
  patchBytesMax: 1024 * 1024,
} as const
