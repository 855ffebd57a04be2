import type { Checksum } from '../../protocol/checksum.ts'
import type {
  ChunkOrigin, Extent, PlacedMutation, ReplicaDigest, ReplicaReport,
} from '../../protocol/chunks.ts'
import { DfsError, isError } from '../../protocol/errors.ts'
import type { ChunkId, ChunkVersion } from '../../protocol/identifiers.ts'
import { limits } from '../../protocol/limits.ts'
import type { Clock } from '../../seams/clock.ts'
import { DiskError, type Disk, type DiskFile } from '../../seams/disk.ts'
import type { Log } from '../../seams/log.ts'
import { readVerified, recompute, type Extended, type VerifiedBytes } from './blocks.ts'
import { bytesTouched, checkFits, type Change } from './change.ts'
import { storeError, withStoreErrors } from './fault.ts'
import type { FolderSyncs } from './folder-syncs.ts'
import { Gate } from '../../seams/gate.ts'
import { decodeHeader, encodeHeader, HEADER_BYTES, type Header } from './header.ts'
import type { ReplicaNames } from './names.ts'
import type { OpenFiles, OpenReplica } from './open-files.ts'
import { blocksIn, tableEnd, Table } from './table.ts'
import { Pieces, resize, writeExtent } from './write.ts'

const VERIFY_BYTES = 1024 * 1024

/** What all replicas of a store share. */
export interface Shared {
  readonly disk: Disk
  readonly clock: Clock
  readonly log: Log
  readonly bootId: string
  readonly folders: FolderSyncs
  readonly open: OpenFiles<Replica>
  /** Its state has changed in a way that the master should hear of. */
  changed(replica: Replica): void
  /** It has changed, and will have to be made clean once it is idle. */
  dirtied(replica: Replica): void
}

/** What is known of a header beyond its contents. */
export interface Durability {
  /** The names and a header survive a power cut. */
  names: boolean
  /** No power cut can bring back a header that says 'clean'. */
  dirty: boolean
}

/**
 * One replica of a chunk. Changes come one at a time, reads at any time; a read waits for a change under way.
 * Errors of all methods: 'disk-full', 'disk-failed', 'no-such-replica' (removed meanwhile).
 */
export class Replica {
  readonly chunk: ChunkId
  readonly origin: ChunkOrigin
  /** When it was changed last, by the clock. */
  changedAtMs: number
  readonly #shared: Shared
  readonly #gate = new Gate()
  readonly #durable: Durability
  #names: ReplicaNames
  #version: ChunkVersion
  #lengthBytes: number
  #state: ReplicaReport['state']
  #clean: boolean
  #pending = { from: 0, to: 0 }
  #changing = false
  /** Changes ended, those of them that are on stable storage, and how often it was made clean. */
  #changes = 0
  #syncedChanges = -1
  #timesCleaned = 0
  /** Why the latest change failed. Those behind it would leave a gap, so there are none until the next fence. */
  #refusal: DfsError | undefined
  #gone = false

  /** @internal the store makes replicas */
  constructor(shared: Shared, names: ReplicaNames, header: Header, durable: Durability) {
    this.#shared = shared
    this.#names = names
    this.chunk = header.chunk
    this.origin = header.origin
    this.#version = header.version
    this.#lengthBytes = header.lengthBytes
    this.#state = header.state
    this.#clean = header.clean
    this.#durable = durable
    this.changedAtMs = shared.clock.nowMs()
  }

  get version(): ChunkVersion {
    return this.#version
  }

  get lengthBytes(): number {
    return this.#lengthBytes
  }

  /**
   * 'doubtful' after a power cut: it may lack what was not synced, until it is {@link accept}ed. 'corrupt' for ever:
   * bytes do not match their checksums, or the disk could not keep them; it takes no changes, and serves the blocks
   * that do match.
   */
  get state(): ReplicaReport['state'] {
    return this.#state
  }

  /** Everything is on stable storage, and its header says so. */
  get isClean(): boolean {
    return this.#clean
  }

  report(): ReplicaReport {
    return { chunk: this.chunk, version: this.#version, lengthBytes: this.#lengthBytes, state: this.#state }
  }

  /**
   * Applies a change. Afterwards reads see it, and a process crash does not undo it; a power cut may until a sync.
   * A change that fails leaves the replica as it was before, but for the bytes it was to write, and refuses all others
   * until the next fence; where even that cannot be had, it is corrupt.
   * @param data the bytes of all extents, one behind the other, in any number of buffers; not to be changed meanwhile
   * @param known checksums of the whole 64 KiB pieces of `data`, from its start (see checksumInPieces), to be trusted
   * @throws DfsError 'corrupt', 'invalid' (it does not fit the chunk, or there are too few bytes or too many)
   */
  apply(mutation: PlacedMutation, data: readonly Uint8Array[], known?: readonly Checksum[]): Promise<void> {
    return this.#change(mutation.kind === 'write'
      ? { lengthBytes: undefined, extents: mutation.extents, data, known }
      : { lengthBytes: mutation.lengthBytes, extents: [], data, known }, { accepts: true })
  }

  /** Sets the length, then overwrites ranges: what makes this replica like another one. Errors as {@link apply}. */
  patch(lengthBytes: number, extents: readonly Extent[], data: readonly Uint8Array[]): Promise<void> {
    return this.#change({ lengthBytes, extents, data, known: undefined }, { accepts: false })
  }

  /**
   * Reads a range, checked against the table; shorter where the replica ends. `checksum` covers what is returned.
   * @throws DfsError 'corrupt' which the master is told too
   */
  read(offsetBytes: number, lengthBytes: number): Promise<VerifiedBytes> {
    return this.#gate.shared(() => this.#use(async files => {
      const to = Math.min(offsetBytes + lengthBytes, this.#lengthBytes)
      try {
        return await readVerified(this.#extended(files), offsetBytes, to)
      } catch (error) {
        if (isError(error, 'corrupt') || isUnreadable(error)) this.#markCorrupt(files, error)
        throw error
      }
    }))
  }

  /**
   * Checks everything as it lies on the disk now: that both files are there and whole, header, table and bytes.
   * @param pace awaited before each piece is read, with its size
   * @throws as {@link read}
   */
  async verify(pace: (bytes: number) => Promise<void> | void = () => {}): Promise<void> {
    await this.#gate.shared(() => {
      this.#refuseIfGone()
      // By name: files that were removed or replaced may still be open here, with a table that the disk has no more.
      this.#shared.open.forget(this)
      return this.#use(files => { this.#checkHeader(files) })
    })
    this.#refuseIfCorrupt()
    for (let at = 0; at < this.#lengthBytes; at += VERIFY_BYTES) {
      await pace(Math.min(VERIFY_BYTES, this.#lengthBytes - at))
      await this.read(at, VERIFY_BYTES)
    }
  }

  /** When this resolves, every change that had ended at the call survives a power cut. @throws DfsError 'corrupt' */
  async sync(): Promise<void> {
    this.#refuseIfCorrupt()
    if (this.#clean) return
    const changes = this.#changes
    const anchored = this.#durable.names && this.#durable.dirty
    if (anchored && changes === this.#syncedChanges) return
    await this.#use(files => this.#orCorrupt(files, async () => {
      await Promise.all([files.data.sync(), anchored ? undefined : this.#anchor(files)])
      this.#syncedChanges = Math.max(this.#syncedChanges, changes)
    }))
  }

  /**
   * Moves to a version, durably, and takes changes again if one had failed. The caller sees to it that none is running.
   * @throws DfsError 'stale-replica' it is at a newer version, 'corrupt'
   */
  async fence(version: ChunkVersion): Promise<void> {
    this.#refuseIfCorrupt()
    if (version < this.#version) {
      throw new DfsError('stale-replica', `chunk ${this.chunk} is at version ${this.#version}, past ${version}`)
    }
    await this.#use(async files => {
      // Once a header with it may be on the disk, an older one must not be served.
      this.#version = version
      this.#writeHeader(files)
      await this.#orCorrupt(files, () => this.#anchor(files))
    })
    this.#refusal = undefined
  }

  /** The master has chosen this replica as it is, so that what it lacks, if anything, is not part of the chunk. */
  accept(): void {
    if (this.#state !== 'doubtful') return
    this.#state = 'good'
    this.#useNow(files => { this.#writeHeader(files) })
    this.#shared.changed(this)
  }

  /** Equal for replicas of equal contents. */
  digest(): ReplicaDigest {
    const lengthBytes = this.#lengthBytes
    return { lengthBytes, tableChecksum: this.#useNow(({ table }) => table.digest(blocksIn(lengthBytes))) }
  }

  /** Of every block, the last of which may be a part of one. */
  checksums(): Checksum[] {
    return this.#useNow(({ table }) => table.list(blocksIn(this.#lengthBytes)))
  }

  /**
   * Makes everything durable and says so in the header, so that a power cut leaves no doubt.
   * @returns whether it is clean now: not if it was changed meanwhile
   * @internal the store does this to idle replicas
   */
  async makeClean(): Promise<boolean> {
    if (this.#clean) return true
    this.#refuseIfCorrupt()
    return this.#use(files => this.#orCorrupt(files, async () => {
      const changes = this.#changes
      await Promise.all([files.data.sync(), this.#anchor(files)])
      if (this.#changing || changes !== this.#changes || this.#state === 'corrupt') return false
      // Data and table are durable, so either header may survive a power cut that falls before the next sync.
      this.#setClean(files)
      await files.meta.sync()
      return true
    }))
  }

  /**
   * Ends the making of a copy: durable, and clean, before it takes its proper names.
   * @internal
   */
  async finishCopy(rename: () => Promise<ReplicaNames>): Promise<void> {
    await this.#use(async files => {
      // The header may say so before it is true: under its temporary name nobody believes it.
      this.#setClean(files)
      await Promise.all([files.data.sync(), files.meta.sync()])
      this.#names = await rename()
    })
    this.#durable.names = true
  }

  /** Ends all use of its files. @internal */
  retire(): void {
    this.#gone = true
    this.#shared.open.forget(this)
  }

  // Changing

  #change(change: Change, { accepts }: { accepts: boolean }): Promise<void> {
    return this.#gate.alone(() => this.#use(async files => {
      this.#refuseIfCorrupt()
      if (this.#refusal !== undefined) throw this.#refusal
      const data = new Pieces(change.data)
      checkFits(change, { givenBytes: data.lengthBytes, chunkSizeBytes: this.origin.chunkSizeBytes })
      this.#changing = true
      try {
        // 1. Once, before the first change: the disk knows that data and table may disagree from now on.
        await this.#makeDirty(files)
        // 2. Which bytes may disagree after a crash of this process. A lease that brings changes was given in
        //    knowledge of any doubt.
        if (accepts) this.accept()
        this.#pending = bytesTouched(change, this.#lengthBytes)
        this.#writeHeader(files)
        // 3. The bytes, then their checksums.
        await this.#writeOrUndo(files, change, data)
      } catch (error) {
        this.#refusal = storeError(error)
        throw error
      } finally {
        this.#changing = false
        this.#changes++
        this.changedAtMs = this.#shared.clock.nowMs()
        this.#shared.dirtied(this)
      }
    }))
  }

  async #makeDirty(files: OpenReplica): Promise<void> {
    if (this.#clean) {
      this.#clean = false
      this.#writeHeader(files)
    }
    if (!this.#durable.dirty) await this.#orCorrupt(files, () => this.#anchor(files))
  }

  async #writeOrUndo(files: OpenReplica, change: Change, source: Pieces): Promise<void> {
    const before = this.#lengthBytes
    const fromBlock = Math.floor(this.#pending.from / limits.blockBytes)
    const toBlock = (): number => blocksIn(Math.min(this.#pending.to, this.#lengthBytes))
    try {
      await this.#write(files, change, source)
      files.table.writeNow(files.meta, fromBlock, toBlock())
    } catch (error) {
      if (isError(error, 'corrupt')) {
        // Extents in front of the rotten block were written, and stay readable.
        this.#markCorrupt(files, error)
        files.table.writeNow(files.meta, fromBlock, toBlock())
        throw error
      }
      await this.#undo(files, before)
      throw error
    }
  }

  async #write(files: OpenReplica, { lengthBytes, extents, known }: Change, source: Pieces): Promise<void> {
    if (lengthBytes !== undefined) {
      resize(this.#extended(files), lengthBytes)
      this.#lengthBytes = lengthBytes
    }
    let sourceFrom = 0
    for (const extent of extents) {
      await writeExtent(this.#extended(files), { ...extent, source, sourceFrom, known })
      sourceFrom += extent.lengthBytes
      if (extent.lengthBytes === 0) continue
      this.#lengthBytes = Math.max(this.#lengthBytes, extent.offsetBytes + extent.lengthBytes)
    }
  }

  /**
   * After a change that the disk broke off, as after a crash: the old length, and a table that fits what is there.
   * A full disk must not cost us replicas, least of all when it is the disk of all of them.
   */
  async #undo(files: OpenReplica, lengthBytes: number): Promise<void> {
    try {
      const left = files.data.sizeBytes()
      if (left < lengthBytes) throw new DfsError('disk-failed', `chunk ${this.chunk} was cut short`)
      if (left > lengthBytes) files.data.truncateNow(lengthBytes)
      this.#lengthBytes = lengthBytes
      const fromBlock = Math.floor(this.#pending.from / limits.blockBytes)
      const toBlock = blocksIn(Math.min(this.#pending.to, lengthBytes))
      await recompute(this.#extended(files), fromBlock, toBlock)
      files.table.writeNow(files.meta, fromBlock, toBlock)
    } catch (error) {
      this.#markCorrupt(files, error)
    }
  }

  // Files and header

  async #use<Result>(work: (files: OpenReplica) => Result | Promise<Result>): Promise<Result> {
    this.#refuseIfGone()
    try {
      return await this.#shared.open.use(this, this.#open, work)
    } catch (error) {
      throw storeError(error)
    }
  }

  #useNow<Result>(work: (files: OpenReplica) => Result): Result {
    this.#refuseIfGone()
    return withStoreErrors(() => this.#shared.open.useNow(this, this.#open, work))
  }

  readonly #open = (): OpenReplica => {
    const data = this.#openFile(this.#names.data)
    try {
      const meta = this.#openFile(this.#names.meta)
      const blocks = blocksIn(this.#lengthBytes)
      if (data.sizeBytes() !== this.#lengthBytes) {
        this.#noteCorrupt(`${this.#names.data} has ${data.sizeBytes()} bytes instead of ${this.#lengthBytes}`)
      }
      if (meta.sizeBytes() < tableEnd(blocks)) this.#noteCorrupt(`${this.#names.meta} has only ${meta.sizeBytes()} bytes`)
      return { data, meta, table: Table.readNow(meta, blocks) }
    } catch (error) {
      data.close()
      throw error
    }
  }

  #openFile(name: string): DiskFile {
    try {
      return this.#shared.disk.open(name, 'existing')
    } catch (error) {
      if (!(error instanceof DiskError && error.code === 'ENOENT')) throw error
      this.#noteCorrupt(`${name} is missing`)
      throw new DfsError('corrupt', `${name} is missing`, { cause: error })
    }
  }

  /** Whether the header on the disk says what we know. That of a dirty replica need not have its present length. */
  #checkHeader(files: OpenReplica): void {
    const bytes = Buffer.alloc(HEADER_BYTES)
    const found = decodeHeader(bytes.subarray(0, files.meta.readNow(bytes, 0)))
    const isOurs = found.found === 'header' && found.header.chunk === this.chunk
      && found.header.version === this.#version && found.header.state === this.#state && found.header.clean === this.#clean
      && (!this.#clean || found.header.lengthBytes === this.#lengthBytes)
    if (!isOurs) this.#markCorrupt(files, new DfsError('corrupt', `the header in ${this.#names.meta} is damaged`))
  }

  #extended({ data, meta, table }: OpenReplica): Extended {
    return { data, meta, table, chunk: this.chunk, lengthBytes: this.#lengthBytes }
  }

  #writeHeader({ meta }: OpenReplica): void {
    meta.writeNow(encodeHeader({
      chunk: this.chunk, version: this.#version, origin: this.origin, lengthBytes: this.#lengthBytes,
      state: this.#state, clean: this.#clean, pending: this.#pending, bootId: this.#shared.bootId,
    }), 0)
  }

  #setClean(files: OpenReplica): void {
    this.#pending = { from: 0, to: 0 }
    this.#clean = true
    this.#timesCleaned++
    this.#durable.dirty = false
    this.#writeHeader(files)
  }

  /** Makes header, table and names durable. */
  async #anchor(files: OpenReplica): Promise<void> {
    const dirty = !this.#clean
    const timesCleaned = this.#timesCleaned
    await Promise.all([
      files.meta.sync(),
      this.#durable.names ? undefined : this.#shared.folders.sync(this.#names.folder),
    ])
    this.#durable.names = true
    // A header that was made clean meanwhile may be what the disk has.
    if (dirty && timesCleaned === this.#timesCleaned) this.#durable.dirty = true
  }

  /**
   * Runs syncs. One that fails may have lost bytes that were acknowledged, and the next one would succeed all the same:
   * so the replica is never trusted again.
   */
  async #orCorrupt<Result>(files: OpenReplica, syncs: () => Promise<Result>): Promise<Result> {
    try {
      return await syncs()
    } catch (error) {
      this.#markCorrupt(files, error)
      throw error
    }
  }

  #markCorrupt(files: OpenReplica, why: unknown): void {
    this.#noteCorrupt(why instanceof Error ? why.message : String(why))
    try {
      this.#writeHeader(files)
    } catch (error) {
      this.#shared.log.warn({ chunk: this.chunk, error }, 'a replica could not be marked as corrupt on the disk')
    }
  }

  #noteCorrupt(why: string): void {
    if (this.#state === 'corrupt') return
    this.#state = 'corrupt'
    this.#shared.log.error({ chunk: this.chunk, version: this.#version, state: this.#state }, `a replica is corrupt: ${why}`)
    this.#shared.changed(this)
  }

  #refuseIfCorrupt(): void {
    if (this.#state === 'corrupt') throw new DfsError('corrupt', `this replica of chunk ${this.chunk} is corrupt`)
  }

  #refuseIfGone(): void {
    if (this.#gone) throw new DfsError('no-such-replica', `chunk ${this.chunk} was removed here`)
  }
}

/** The disk cannot give back what it was given, as opposed to a call that failed. */
function isUnreadable(error: unknown): boolean {
  return error instanceof DiskError && error.code === 'EIO'
}
