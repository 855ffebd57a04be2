import { LRUCache } from 'lru-cache'
import type { ChunkLease, ChunkLocation } from '../../protocol/chunks.ts'
import type { ChunkId, ChunkIndex, ChunkVersion, InodeId, ServerId } from '../../protocol/identifiers.ts'
import type { LinkPool } from '../../protocol/link-pool.ts'
import { limits } from '../../protocol/limits.ts'
import type { Clock } from '../../seams/clock.ts'
import type { Log } from '../../seams/log.ts'
import type { Random } from '../../seams/random.ts'
import { Leases } from './leases.ts'
import { Locations } from './locations.ts'
import { GivenUp } from './reader/given-up.ts'
import { PieceCache } from './reader/pieces.ts'
import { Servers } from './servers.ts'
import { WriteBudget } from './writer/budget.ts'
import { SlabPool } from './writer/slabs.ts'
import { Streams } from './writer/streams.ts'
import { UnsyncedChunks } from './writer/unsynced-chunks.ts'

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
  /** Memory for bytes that were written and not sent. */
  writeBehindBytes?: number
  /** Memory for bytes that were read ahead. */
  readCacheBytes?: number
}

/** Something that holds unsent bytes. */
export interface Dirty {
  /** Memory is needed: what is unsent should leave now. */
  hurry(): void
}

const PATIENCE_MS = 60_000
const READ_CACHE_BYTES = 128 * 1024 * 1024

/** Changes that this client has on their way at the same time. */
const STREAMS = 10

/** Files whose contents are remembered. */
const FILES_MAX = 20_000

/** Files that are told to send what they have whenever a writer has to wait for memory. */
const HURRIED_AT_ONCE = 32

/** What all open files of one client share: memory bounds, streams, locations, leases and connections. */
export class DataPath {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly pool: LinkPool
  readonly master: DataMaster
  readonly patienceMs: number
  readonly locations: Locations
  readonly leases: Leases
  readonly servers: Servers
  readonly slabs: SlabPool
  readonly streams = new Streams(STREAMS)
  readonly pieces: PieceCache
  readonly givenUp: GivenUp
  readonly #dirty = new Set<Dirty>()
  /** Chunks that this client wrote and did not sync; who opens a file again may sync what was written before. */
  readonly #unsynced = new LRUCache<InodeId, UnsyncedChunks>({ max: FILES_MAX })
  /** Under which contents the locations and leases of a file were learned. */
  readonly #contentVersions = new LRUCache<InodeId, number>({ max: FILES_MAX })

  constructor({ clock, random, log, pool, master, options = {} }: {
    clock: Clock, random: Random, log: Log, pool: LinkPool, master: DataMaster, options?: DataPathOptions
  }) {
    this.clock = clock
    this.random = random
    this.log = log
    this.pool = pool
    this.master = master
    this.patienceMs = options.patienceMs ?? PATIENCE_MS
    this.locations = new Locations({ clock, master })
    this.leases = new Leases({ master, locations: this.locations })
    this.servers = new Servers(clock)
    this.givenUp = new GivenUp(clock)
    this.pieces = new PieceCache(clock, options.readCacheBytes ?? READ_CACHE_BYTES)
    const budget = new WriteBudget(options.writeBehindBytes ?? limits.writeBehindBytesMax, () => { this.#hurry() })
    this.slabs = new SlabPool(budget)
  }

  /** To be called with whatever takes memory for unsent bytes, as long as it does. */
  isDirty(file: Dirty): void {
    this.#dirty.add(file)
  }

  isClean(file: Dirty): void {
    this.#dirty.delete(file)
  }

  /** Those that waited longest go first, and behind all others afterwards. */
  #hurry(): void {
    for (const file of [...this.#dirty].slice(0, HURRIED_AT_ONCE)) {
      this.#dirty.delete(file)
      this.#dirty.add(file)
      file.hurry()
    }
  }

  /** A file was opened: what was learned of its chunks is of use only if the contents are still those. */
  opened(inode: InodeId, contentVersion: number): void {
    if (this.#contentVersions.get(inode) !== contentVersion) this.forgetChunks(inode)
    this.contentsAre(inode, contentVersion)
  }

  /** Chunks of a file that this client wrote, under whichever handle, and that may not be on stable storage. */
  unsyncedOf(inode: InodeId): UnsyncedChunks | undefined {
    return this.#unsynced.get(inode)
  }

  /** A place for them, of a file of which nothing is known yet. */
  newUnsynced(inode: InodeId): UnsyncedChunks {
    const chunks = new UnsyncedChunks()
    this.#unsynced.set(inode, chunks)
    return chunks
  }

  /** What is known of the file's chunks holds for these contents. */
  contentsAre(inode: InodeId, contentVersion: number): void {
    this.#contentVersions.set(inode, contentVersion)
  }

  /** Forgets what was learned of the chunks of a file: others changed it, or it was cut. */
  forgetChunks(inode: InodeId): void {
    this.locations.forgetFile(inode)
    this.leases.forgetFile(inode)
  }
}
