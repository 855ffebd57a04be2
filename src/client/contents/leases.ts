import { LRUCache } from 'lru-cache'
import type { ChunkLease } from '../../protocol/chunks.ts'
import type { ChunkIndex, ChunkVersion, InodeId, ServerId } from '../../protocol/identifiers.ts'
import type { DataMaster } from './data-path.ts'
import type { Locations } from './locations.ts'

const FILES_MAX = 20_000

type FileLeases = Map<ChunkIndex, { lease: ChunkLease | undefined, asking: Promise<ChunkLease> | undefined }>

/**
 * Who the primary of a chunk is, as the master said last. How long a lease runs is between the two of them: a client
 * uses it until the primary says no.
 */
export class Leases {
  readonly #master: DataMaster
  readonly #locations: Locations
  readonly #files = new LRUCache<InodeId, FileLeases>({ max: FILES_MAX })

  constructor({ master, locations }: { master: DataMaster, locations: Locations }) {
    this.#master = master
    this.#locations = locations
  }

  /** A lease to try; allocates the chunk where there is a hole. */
  async get(inode: InodeId, index: ChunkIndex): Promise<ChunkLease> {
    const entry = this.#entry(inode, index)
    return entry.lease ?? entry.asking ?? this.#ask(inode, index, [], undefined)
  }

  /** The lease that {@link get} would give without asking the master. */
  known(inode: InodeId, index: ChunkIndex): ChunkLease | undefined {
    return this.#files.peek(inode)?.get(index)?.lease
  }

  /** A lease that came unasked, with a new file: nothing has been written to its chunk. */
  offer(inode: InodeId, lease: ChunkLease): void {
    const entry = this.#entry(inode, lease.index)
    if (entry.lease !== undefined || entry.asking !== undefined) return
    entry.lease = lease
    this.#locations.learn(inode, { ...lease, unproven: true })
  }

  /** A lease under which nothing has failed yet: a later one than `failed`, without the suspects if that is possible. */
  async after(inode: InodeId, failed: ChunkLease, suspects: ServerId[]): Promise<ChunkLease> {
    const { lease, asking } = this.#entry(inode, failed.index)
    // Several mutations fail together with one lease: the first asks, the others take what it got.
    if (asking !== undefined) return asking
    if (lease !== undefined && isLater(lease, failed)) return lease
    return this.#ask(inode, failed.index, suspects, failed.version)
  }

  #ask(inode: InodeId, index: ChunkIndex, suspects: ServerId[], known: ChunkVersion | undefined): Promise<ChunkLease> {
    const entry = this.#entry(inode, index)
    const asking = this.#master.lease(inode, index, suspects, known).then(lease => {
      entry.lease = lease
      this.#locations.learn(inode, lease)
      return lease
    }).finally(() => { entry.asking = undefined })
    entry.asking = asking
    return asking
  }

  /** Chunks of the file may have been replaced by others. */
  forgetFile(inode: InodeId): void {
    this.#files.delete(inode)
  }

  #entry(inode: InodeId, index: ChunkIndex): { lease: ChunkLease | undefined, asking: Promise<ChunkLease> | undefined } {
    let file = this.#files.get(inode)
    if (file === undefined) {
      file = new Map()
      this.#files.set(inode, file)
    }
    let entry = file.get(index)
    if (entry === undefined) {
      entry = { lease: undefined, asking: undefined }
      file.set(index, entry)
    }
    return entry
  }
}

/** A chunk that took the place of another, after the file was cut, is later too. */
function isLater(lease: ChunkLease, than: ChunkLease): boolean {
  return lease.chunk !== than.chunk || lease.version > than.version
}
