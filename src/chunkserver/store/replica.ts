import type {
  ChunkOrigin, Extent, PlacedMutation, ReplicaDigest, ReplicaReport,
} from '../../protocol/chunks.ts'
import type { Checksum } from '../../protocol/checksum.ts'
import { DfsError, isError } from '../../protocol/errors.ts'
import type { ChunkId, ChunkVersion } from '../../protocol/identifiers.ts'
import { DiskError } from '../../seams/disk.ts'
import { INLINE_BYTES_MAX, readVerified, readVerifiedNow, type VerifiedBytes } from './blocks.ts'
import { Changer } from './changer.ts'
import { Durable, type Durability } from './durable.ts'
import type { Header } from './header.ts'
import type { ReplicaNames } from './names.ts'
import type { OpenReplica } from './open-files.ts'
import { ReplicaRecord, type Shared } from './record.ts'
import { blocksIn } from './table.ts'

const VERIFY_BYTES = 1024 * 1024

/**
 * One replica of a chunk. Changes come one at a time, reads at any time; a read waits for a change under way.
 * Errors of all methods: 'disk-full', 'disk-failed', 'no-such-replica' (removed meanwhile).
 */
export class Replica {
  readonly #record: ReplicaRecord
  readonly #durable: Durable
  readonly #changer: Changer
  #uneven: boolean

  /** @internal the store makes replicas */
  constructor(shared: Shared, names: ReplicaNames, header: Header, durable: Durability) {
    this.#record = new ReplicaRecord(this, shared, names, header)
    this.#durable = new Durable(this.#record, durable)
    this.#changer = new Changer(this.#record, this.#durable)
    // It was in use when its process ended: what was under way then may be in some replicas only.
    this.#uneven = header.mark !== 'clean' && !durable.dirty && header.state !== 'corrupt'
  }

  get chunk(): ChunkId {
    return this.#record.chunk
  }

  get origin(): ChunkOrigin {
    return this.#record.origin
  }

  /** When it was changed last, by the clock. */
  get changedAtMs(): number {
    return this.#changer.changedAtMs
  }

  get version(): ChunkVersion {
    return this.#record.version
  }

  get lengthBytes(): number {
    return this.#record.lengthBytes
  }

  /**
   * 'doubtful' after a power cut: it may lack what was not synced, until it is {@link accept}ed. 'corrupt' for ever:
   * bytes do not match their checksums, or the disk could not keep them; it takes no changes, and serves the blocks
   * that do match.
   */
  get state(): ReplicaReport['state'] {
    return this.#record.state
  }

  /** Everything is on stable storage, and its header says so, or how to see it. */
  get isClean(): boolean {
    return this.#record.mark === 'clean'
  }

  /** A mutation may be in this one and not in others of its version, or the other way round, until the next fence. */
  get isUneven(): boolean {
    return this.#uneven
  }

  /** Says that it {@link isUneven}; the master will hear of it. */
  markUneven(): void {
    if (this.#uneven) return
    this.#uneven = true
    this.#record.shared.changed(this)
  }

  report(): ReplicaReport {
    const { chunk, version, lengthBytes, state } = this.#record
    return { chunk, version, lengthBytes, state, ...(this.#uneven ? { uneven: true } : {}) }
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
    return this.#changer.change(mutation.kind === 'write'
      ? { lengthBytes: undefined, extents: mutation.extents, data, known }
      : { lengthBytes: mutation.lengthBytes, extents: [], data, known }, () => { this.accept() })
  }

  /** Sets the length, then overwrites ranges: what makes this replica like another one. Errors as {@link apply}. */
  patch(lengthBytes: number, extents: readonly Extent[], data: readonly Uint8Array[]): Promise<void> {
    return this.#changer.change({ lengthBytes, extents, data, known: undefined })
  }

  /**
   * Reads a range, checked against the table; shorter where the replica ends. `checksum` covers what is returned.
   * @throws DfsError 'corrupt' which the master is told too
   */
  async read(offsetBytes: number, lengthBytes: number): Promise<VerifiedBytes> {
    const end = (): number => Math.min(offsetBytes + lengthBytes, this.#record.lengthBytes)
    // Most reads are short and come while nothing changes: each promise that they do without is felt.
    if (lengthBytes <= INLINE_BYTES_MAX && this.#changer.isAtRest) {
      return this.#record.useNow(files => {
        try {
          return readVerifiedNow(this.#record.extended(files), offsetBytes, end())
        } catch (error) {
          throw this.#unreadable(files, error)
        }
      })
    }
    return this.#changer.between(() => this.#record.use(async files => {
      try {
        return await readVerified(this.#record.extended(files), offsetBytes, end())
      } catch (error) {
        throw this.#unreadable(files, error)
      }
    }))
  }

  /** Notes what a failed read says of the replica. @returns the same error */
  #unreadable(files: OpenReplica, error: unknown): unknown {
    if (isError(error, 'corrupt') || isUnreadable(error)) this.#record.markCorrupt(files, error)
    return error
  }

  /**
   * Checks everything as it lies on the disk now: that the file is there and whole, header, table and bytes.
   * @param pace awaited before each piece is read, with its size
   * @throws as {@link read}
   */
  async verify(pace: (bytes: number) => Promise<void> | void = () => {}): Promise<void> {
    await this.#changer.between(() => {
      this.#record.refuseIfGone()
      // By name: a file that was removed or replaced may still be open here, with a table that the disk has no more.
      this.#record.shared.open.forget(this)
      return this.#record.use(files => { this.#record.checkHeader(files) })
    })
    this.#record.refuseIfCorrupt()
    for (let at = 0; at < this.#record.lengthBytes; at += VERIFY_BYTES) {
      await pace(Math.min(VERIFY_BYTES, this.#record.lengthBytes - at))
      await this.read(at, VERIFY_BYTES)
    }
  }

  /** When this resolves, every change that had ended at the call survives a power cut. @throws DfsError 'corrupt' */
  sync(): Promise<void> {
    return this.#durable.sync()
  }

  /**
   * Moves to a version, durably, and takes changes again if one had failed. The caller sees to it that none is running.
   * @throws DfsError 'stale-replica' it is at a newer version, 'corrupt'
   */
  async fence(version: ChunkVersion): Promise<void> {
    this.#record.refuseIfCorrupt()
    if (version < this.#record.version) {
      throw new DfsError('stale-replica', `chunk ${this.chunk} is at version ${this.#record.version}, past ${version}`)
    }
    await this.#record.use(async files => {
      // Once a header with it may be on the disk, an older one must not be served.
      this.#record.version = version
      this.#record.writeHeader(files)
      await this.#record.orCorrupt(files, () => this.#durable.anchor(files))
    })
    this.#changer.goOn()
    this.#uneven = false
  }

  /** The master has chosen this replica as it is, so that what it lacks, if anything, is not part of the chunk. */
  accept(): void {
    if (this.#record.state !== 'doubtful') return
    this.#record.state = 'good'
    this.#record.useNow(files => { this.#record.writeHeader(files) })
    this.#record.shared.changed(this)
  }

  /** Equal for replicas of equal contents. */
  digest(): ReplicaDigest {
    const lengthBytes = this.#record.lengthBytes
    return { lengthBytes, tableChecksum: this.#record.useNow(({ table }) => table.digest(blocksIn(lengthBytes))) }
  }

  /** Of every block, the last of which may be a part of one. */
  checksums(): Checksum[] {
    return this.#record.useNow(({ table }) => table.list(blocksIn(this.#record.lengthBytes)))
  }

  /** Begins what {@link makeClean} needs of its folder, which is cheap for many at once. @internal */
  prepareClean(): void {
    this.#durable.anchorName().catch(() => {})
  }

  /**
   * Makes everything durable and says so in the header, so that a power cut leaves no doubt.
   * @returns whether it is clean now: not if it was changed meanwhile, or {@link isUneven}, which the next process has to know
   * @internal the store does this to idle replicas
   */
  async makeClean(): Promise<boolean> {
    if (!this.#uneven) return this.#durable.makeClean()
    await this.sync()
    return this.isClean
  }

  /**
   * Ends the making of a copy: durable, and clean, before it takes its proper names.
   * @internal
   */
  finishCopy(rename: () => Promise<ReplicaNames>): Promise<void> {
    return this.#durable.finishCopy(rename)
  }

  /** Ends all use of its file. @internal */
  retire(): void {
    this.#record.gone = true
    this.#record.shared.open.forget(this)
  }
}

/** The disk cannot give back what it was given, as opposed to a call that failed. */
function isUnreadable(error: unknown): boolean {
  return error instanceof DiskError && error.code === 'EIO'
}
