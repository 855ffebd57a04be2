import type { Checksum } from '../../protocol/checksum.ts'
import type { ChunkOrigin, ReplicaReport } from '../../protocol/chunks.ts'
import { DfsError } from '../../protocol/errors.ts'
import type { ChunkId, ChunkVersion } from '../../protocol/identifiers.ts'
import type { Clock } from '../../seams/clock.ts'
import { DiskError, type Disk, type DiskFile } from '../../seams/disk.ts'
import type { Log } from '../../seams/log.ts'
import type { Extended } from './blocks.ts'
import { storeError, withStoreErrors } from './fault.ts'
import type { FolderSyncs } from './folder-syncs.ts'
import { decodeHeader, encodeHeader, HEADER_BYTES, type Header, type Mark } from './header.ts'
import type { ReplicaNames } from './names.ts'
import { opened, type OpenFiles, type OpenReplica } from './open-files.ts'
import type { Replica } from './replica.ts'
import { blocksIn } from './table.ts'

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
  /** It is longer by so many bytes, or shorter. */
  resized(replica: Replica, byBytes: number): void
  /** It has changed, and will have to be made clean once it is idle. */
  dirtied(replica: Replica): void
}

/** What a replica is: the facts of its header, in memory and on the disk, its file, and whether it can be trusted. */
export class ReplicaRecord {
  readonly owner: Replica
  readonly shared: Shared
  readonly chunk: ChunkId
  readonly origin: ChunkOrigin
  names: ReplicaNames
  version: ChunkVersion
  #lengthBytes: number
  state: ReplicaReport['state']
  /** What the header says, in memory of the system at least. */
  mark: Mark
  /** What a change under way may leave with other checksums than the table has, in bytes of the chunk. */
  pending = { from: 0, to: 0 }
  /** Removed: its file is no longer its own. */
  gone = false

  constructor(owner: Replica, shared: Shared, names: ReplicaNames, header: Header) {
    this.owner = owner
    this.shared = shared
    this.names = names
    this.chunk = header.chunk
    this.origin = header.origin
    this.version = header.version
    this.#lengthBytes = header.lengthBytes
    this.state = header.state
    this.mark = header.mark
  }

  get lengthBytes(): number {
    return this.#lengthBytes
  }

  set lengthBytes(lengthBytes: number) {
    const byBytes = lengthBytes - this.#lengthBytes
    this.#lengthBytes = lengthBytes
    if (byBytes !== 0) this.shared.resized(this.owner, byBytes)
  }

  /** Runs `work` with the files open. @throws DfsError 'disk-full', 'disk-failed', 'no-such-replica', 'corrupt' */
  async use<Result>(work: (files: OpenReplica) => Result | Promise<Result>): Promise<Result> {
    this.refuseIfGone()
    try {
      return await this.shared.open.use(this.owner, this.#open, work)
    } catch (error) {
      throw storeError(error)
    }
  }

  /** The same for work that does not wait. */
  useNow<Result>(work: (files: OpenReplica) => Result): Result {
    this.refuseIfGone()
    return withStoreErrors(() => this.shared.open.useNow(this.owner, this.#open, work))
  }

  readonly #open = (): OpenReplica => {
    const file = this.#openFile()
    try {
      const files = opened(file, this.origin, this.lengthBytes)
      const found = files.data.sizeBytes()
      if (found !== this.lengthBytes) {
        this.#noteCorrupt(`${this.names.file} has ${found} bytes of the chunk instead of ${this.lengthBytes}`)
      }
      return files
    } catch (error) {
      file.close()
      throw error
    }
  }

  #openFile(): DiskFile {
    const name = this.names.file
    try {
      return this.shared.disk.open(name, 'existing')
    } catch (error) {
      if (!(error instanceof DiskError && error.code === 'ENOENT')) throw error
      this.#noteCorrupt(`${name} is missing`)
      throw new DfsError('corrupt', `${name} is missing`, { cause: error })
    }
  }

  /** Whether the header on the disk says what we know. That of a dirty replica need not have its present length. */
  checkHeader(files: OpenReplica): void {
    const bytes = Buffer.alloc(HEADER_BYTES)
    const found = decodeHeader(bytes.subarray(0, files.file.readNow(bytes, 0)))
    const isOurs = found.found === 'header' && found.header.chunk === this.chunk
      && found.header.version === this.version && found.header.state === this.state && found.header.mark === this.mark
      && (this.mark === 'dirty' || found.header.lengthBytes === this.lengthBytes)
    if (!isOurs) this.markCorrupt(files, new DfsError('corrupt', `the header in ${this.names.file} is damaged`))
  }

  /** What reading and writing blocks needs of it. */
  extended(files: OpenReplica): Extended {
    return { ...files, chunk: this.chunk, lengthBytes: this.lengthBytes }
  }

  writeHeader({ file, table }: OpenReplica): void {
    file.writeNow(encodeHeader({
      chunk: this.chunk, version: this.version, origin: this.origin, lengthBytes: this.lengthBytes,
      state: this.state, mark: this.mark, pending: this.pending, bootId: this.shared.bootId,
      digest: this.mark === 'settling' ? table.digest(blocksIn(this.lengthBytes)) : 0 as Checksum,
    }), 0)
  }

  /**
   * Runs syncs. One that fails may have lost bytes that were acknowledged, and the next one would succeed all the same:
   * so the replica is never trusted again.
   */
  async orCorrupt<Result>(files: OpenReplica, syncs: () => Promise<Result>): Promise<Result> {
    try {
      return await syncs()
    } catch (error) {
      this.markCorrupt(files, error)
      throw error
    }
  }

  /** For ever, on the disk too if that can be had. */
  markCorrupt(files: OpenReplica, why: unknown): void {
    this.#noteCorrupt(why instanceof Error ? why.message : String(why))
    try {
      this.writeHeader(files)
    } catch (error) {
      this.shared.log.warn({ chunk: this.chunk, error }, 'a replica could not be marked as corrupt on the disk')
    }
  }

  #noteCorrupt(why: string): void {
    if (this.state === 'corrupt') return
    this.state = 'corrupt'
    this.shared.log.error({ chunk: this.chunk, version: this.version, state: this.state }, `a replica is corrupt: ${why}`)
    this.shared.changed(this.owner)
  }

  refuseIfCorrupt(): void {
    if (this.state === 'corrupt') throw new DfsError('corrupt', `this replica of chunk ${this.chunk} is corrupt`)
  }

  refuseIfGone(): void {
    if (this.gone) throw new DfsError('no-such-replica', `chunk ${this.chunk} was removed here`)
  }
}
