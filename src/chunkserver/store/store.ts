import { checksumOf, type Checksum } from '../../protocol/checksum.ts'
import type { ChunkOrigin, ReplicaReport } from '../../protocol/chunks.ts'
import { DfsError } from '../../protocol/errors.ts'
import type { ChunkId, ChunkVersion } from '../../protocol/identifiers.ts'
import type { Clock } from '../../seams/clock.ts'
import type { Disk } from '../../seams/disk.ts'
import type { Log } from '../../seams/log.ts'
import { ReplicaCopy } from './copy.ts'
import { storeError, withStoreErrors } from './fault.ts'
import { FolderSyncs } from './folder-syncs.ts'
import { encodeHeader, type Header } from './header.ts'
import { inParallel } from './in-parallel.ts'
import { namesOf, temporaryNamesOf, type ReplicaNames } from './names.ts'
import { OpenFiles, type OpenReplica } from './open-files.ts'
import type { Shared } from './record.ts'
import { Replica } from './replica.ts'
import { scan } from './scan.ts'
import { Section } from './section.ts'
import { dataStart, Table } from './table.ts'

export interface StoreOptions {
  disk: Disk
  log: Log
  clock: Clock
  /** Replicas whose files stay open. */
  openReplicasMax?: number
  /** A replica that was not changed for this long is made clean. */
  idleMs?: number
}

const OPEN_REPLICAS_MAX = 1_024
const IDLE_MS = 5_000
/** Replicas made clean in one step, and at the same time. */
const CLEANED_PER_STEP = 256
const CLEANED_AT_ONCE = 8

const NO_BYTES = new Uint8Array(0)

/** What the master should hear of before the next full report. */
export type StoreChange =
  /** A replica came or changed its state, or has another length and came to rest. */
  | ReplicaReport
  | { gone: ChunkId }

/** The replicas of one chunkserver, in `chunks/` of its folder. Errors: 'disk-full', 'disk-failed'. */
export class ReplicaStore {
  readonly #disk: Disk
  readonly #log: Log
  readonly #clock: Clock
  readonly #shared: Shared
  readonly #idleMs: number
  readonly #replicas = new Map<ChunkId, Replica>()
  #sizeBytes = 0
  /** Least lately changed first. */
  readonly #dirty = new Set<Replica>()
  readonly #copies = new Map<ChunkId, Replica>()
  /** Lengths as listeners were told last. */
  readonly #toldBytes = new WeakMap<Replica, number>()
  readonly #listeners: ((change: StoreChange) => void)[] = []

  /**
   * Finds the replicas and makes right what the last crash left.
   * @throws DfsError 'invalid' the folder was written by another version of dfs
   */
  static async open(options: StoreOptions): Promise<ReplicaStore> {
    const store = new ReplicaStore(options)
    try {
      await store.#scan()
    } catch (error) {
      throw storeError(error)
    }
    return store
  }

  private constructor({ disk, log, clock, openReplicasMax = OPEN_REPLICAS_MAX, idleMs = IDLE_MS }: StoreOptions) {
    this.#disk = disk
    this.#log = log
    this.#clock = clock
    this.#idleMs = idleMs
    this.#shared = {
      disk, clock, log,
      bootId: disk.bootId(),
      folders: new FolderSyncs(disk),
      open: new OpenFiles({ most: openReplicasMax, log }),
      changed: replica => { this.#changed(replica) },
      resized: (replica, byBytes) => { if (this.#counts(replica)) this.#sizeBytes += byBytes },
      dirtied: replica => { this.#dirtied(replica) },
    }
  }

  get size(): number {
    return this.#replicas.size
  }

  /** Of all replicas together. */
  get sizeBytes(): number {
    return this.#sizeBytes
  }

  get(chunk: ChunkId): Replica | undefined {
    return this.#replicas.get(chunk)
  }

  /** The chunks of which there is a replica here, in no order. */
  chunks(): Iterable<ChunkId> {
    return this.#replicas.keys()
  }

  /** What is here, for a full report. Replicas may come and go between two steps. */
  *reports(): Iterable<ReplicaReport> {
    for (const replica of this.#replicas.values()) yield replica.report()
  }

  /** @param listener called for every change from now on; must not throw */
  onChange(listener: (change: StoreChange) => void): void {
    this.#listeners.push(listener)
  }

  /**
   * Makes a replica. Nothing of it survives a power cut before its first sync or fence.
   * @param start the bytes that it begins with, at most a block
   * @throws DfsError 'already-exists'
   */
  create(chunk: ChunkId, version: ChunkVersion, origin: ChunkOrigin, start: Uint8Array = NO_BYTES): Replica {
    if (this.#replicas.has(chunk)) throw new DfsError('already-exists', `chunk ${chunk} has a replica here`)
    const replica = this.#make(namesOf(chunk), { chunk, version, origin, start })
    this.#takeIn(replica)
    this.#dirty.add(replica)
    this.#changed(replica)
    return replica
  }

  /**
   * Removes a replica; one that is not here is fine. Work under way on it fails or comes to nothing.
   * The removal is not synced: after a power cut the replica may be back, and is reported like any other.
   */
  remove(chunk: ChunkId): void {
    const replica = this.#replicas.get(chunk)
    if (replica === undefined) return
    withStoreErrors(() => { this.#disk.remove(namesOf(chunk).file) })
    this.#letGo(replica)
    this.#tell({ gone: chunk })
  }

  #takeIn(replica: Replica): void {
    this.#replicas.set(replica.chunk, replica)
    this.#sizeBytes += replica.lengthBytes
  }

  #letGo(replica: Replica): void {
    this.#replicas.delete(replica.chunk)
    this.#sizeBytes -= replica.lengthBytes
    this.#dirty.delete(replica)
    replica.retire()
  }

  /**
   * Begins to fetch a replica from elsewhere. It counts for nothing until it is finished.
   * @throws DfsError 'busy' the chunk is being copied already, 'stale-replica' a newer one is here
   */
  beginCopy(chunk: ChunkId, version: ChunkVersion, origin: ChunkOrigin): ReplicaCopy {
    if (this.#copies.has(chunk)) throw new DfsError('busy', `chunk ${chunk} is being copied already`)
    this.#refuseOlder(chunk, version)
    const replica = this.#make(temporaryNamesOf(chunk), { chunk, version, origin, start: NO_BYTES })
    this.#copies.set(chunk, replica)
    return new ReplicaCopy(replica, {
      takePlace: copied => this.#takePlace(copied),
      discard: copied => { this.#discard(copied) },
    })
  }

  /** One step of the background cleaner: makes some replicas clean that have been idle. @returns how many */
  clean(): Promise<number> {
    const idle: Replica[] = []
    const changedBeforeMs = this.#clock.nowMs() - this.#idleMs
    for (const replica of this.#dirty) {
      if (replica.changedAtMs > changedBeforeMs || idle.length === CLEANED_PER_STEP) break
      idle.push(replica)
    }
    return this.#makeClean(idle)
  }

  /** A clean stop: everything durable and clean. No change may be under way. */
  async close(): Promise<void> {
    await this.#makeClean([...this.#dirty])
    this.#shared.open.closeAll()
  }

  // Making

  #make(
    names: ReplicaNames,
    { chunk, version, origin, start }: { chunk: ChunkId, version: ChunkVersion, origin: ChunkOrigin, start: Uint8Array },
  ): Replica {
    const lengthBytes = start.length
    const header: Header = {
      chunk, version, origin, lengthBytes, state: 'good', mark: 'dirty', digest: 0 as Checksum,
      pending: { from: 0, to: lengthBytes }, bootId: this.#shared.bootId,
    }
    // No header of it was ever clean, so no power cut can bring one back.
    const replica = new Replica(this.#shared, names, header, { names: false, dirty: true })
    withStoreErrors(() => { this.#shared.open.useNow(replica, () => this.#makeFile(names, header, start), () => {}) })
    return replica
  }

  #makeFile({ file: name }: ReplicaNames, header: Header, start: Uint8Array): OpenReplica {
    const file = this.#disk.open(name, 'empty')
    try {
      const data = new Section(file, dataStart(header.origin))
      const table = new Table()
      table.set(0, checksumOf(start))
      // Most files are short, and are written like this: every system call counts.
      file.writeNow(Buffer.concat([encodeHeader(header), table.entries(0, 1)]), 0)
      if (start.length > 0) data.writeNow(start, 0)
      return { file, data, table }
    } catch (error) {
      file.close()
      this.#disk.remove(name)
      throw error
    }
  }

  async #scan(): Promise<void> {
    await scan({ disk: this.#disk, log: this.#log, folders: this.#shared.folders }, header => {
      // Whether a dirty header is on the disk, or only in the page cache of a machine that still runs, cannot be told.
      const isClean = header.mark === 'clean'
      const durable = { names: isClean, dirty: false }
      const replica = new Replica(this.#shared, namesOf(header.chunk), header, durable)
      this.#takeIn(replica)
      if (!isClean && header.state !== 'corrupt') this.#dirty.add(replica)
    })
  }

  // Copies

  async #takePlace(replica: Replica): Promise<Replica> {
    const { chunk, version } = replica
    const temporary = temporaryNamesOf(chunk)
    const names = namesOf(chunk)
    try {
      await replica.finishCopy(async () => {
        this.#refuseOlder(chunk, version)
        this.#disk.rename(temporary.file, names.file)
        const before = this.#replicas.get(chunk)
        if (before !== undefined) this.#letGo(before)
        await this.#shared.folders.sync(names.folder)
        return names
      })
    } catch (error) {
      throw storeError(error)
    }
    this.#copies.delete(chunk)
    this.#takeIn(replica)
    this.#changed(replica)
    return replica
  }

  #discard(replica: Replica): void {
    this.#copies.delete(replica.chunk)
    replica.retire()
    withStoreErrors(() => { this.#disk.remove(temporaryNamesOf(replica.chunk).file) })
  }

  #refuseOlder(chunk: ChunkId, version: ChunkVersion): void {
    const here = this.#replicas.get(chunk)
    if (here !== undefined && here.version > version) {
      throw new DfsError('stale-replica', `chunk ${chunk} is here at version ${here.version}, newer than ${version}`)
    }
  }

  // Cleaning

  async #makeClean(replicas: Replica[]): Promise<number> {
    let cleaned = 0
    for (const replica of replicas) replica.prepareClean()
    await inParallel(replicas, CLEANED_AT_ONCE, async replica => {
      try {
        const isClean = await replica.makeClean()
        const wasDirty = this.#dirty.delete(replica)
        if (!isClean) {
          // It comes again, behind the rest.
          if (wasDirty) this.#dirty.add(replica)
          return
        }
        cleaned++
        // The master plans by what replicas weigh, and hears of no single write.
        if (this.#toldBytes.get(replica) !== replica.lengthBytes) this.#changed(replica)
      } catch (error) {
        // One that is corrupt has told so itself; any other comes again, behind the rest.
        this.#dirty.delete(replica)
        if (this.#counts(replica) && replica.state !== 'corrupt') this.#dirty.add(replica)
        this.#log.warn({ chunk: replica.chunk, error }, 'a replica could not be made clean')
      }
    })
    return cleaned
  }

  // Telling

  /** Whether it is a replica of the store: not one that is removed, or still being copied. */
  #counts(replica: Replica): boolean {
    return this.#replicas.get(replica.chunk) === replica
  }

  #dirtied(replica: Replica): void {
    if (!this.#counts(replica)) return
    this.#dirty.delete(replica)
    if (!replica.isClean) this.#dirty.add(replica)
  }

  #changed(replica: Replica): void {
    if (!this.#counts(replica)) return
    this.#toldBytes.set(replica, replica.lengthBytes)
    this.#tell(replica.report())
  }

  #tell(change: StoreChange): void {
    for (const listener of this.#listeners) listener(change)
  }
}
