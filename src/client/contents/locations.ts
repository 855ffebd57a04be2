import { LRUCache } from 'lru-cache'
import type { ChunkLocation } from '../../protocol/chunks.ts'
import type { ChunkIndex, InodeId } from '../../protocol/identifiers.ts'
import type { Clock } from '../../seams/clock.ts'
import type { DataMaster } from './data-path.ts'

const FILES_MAX = 20_000
const KEEP_MS = 60_000

/** Chunks asked for at once: who reads one chunk of a file mostly reads the next ones too. */
const BATCH_CHUNKS = 16

/** What the master said of one index; a hole has no location. */
interface Known {
  location: ChunkLocation | undefined
  untilMs: number
}

interface FileLocations {
  readonly known: Map<ChunkIndex, Known>
  readonly asking: Map<ChunkIndex, Promise<void>>
}

/** Where the chunks of files are, as the master said up to a minute ago. */
export class Locations {
  readonly #clock: Clock
  readonly #master: DataMaster
  readonly #files = new LRUCache<InodeId, FileLocations>({ max: FILES_MAX })

  constructor({ clock, master }: { clock: Clock, master: DataMaster }) {
    this.#clock = clock
    this.#master = master
  }

  /** Where the chunk is, if that is known; undefined also for a hole. */
  known(inode: InodeId, index: ChunkIndex): ChunkLocation | undefined {
    const known = this.#files.get(inode)?.known.get(index)
    return known !== undefined && known.untilMs > this.#clock.nowMs() ? known.location : undefined
  }

  /** Where the chunk is; undefined for a hole. */
  async get(inode: InodeId, index: ChunkIndex): Promise<ChunkLocation | undefined> {
    for (;;) {
      const file = this.#file(inode)
      const known = file.known.get(index)
      if (known !== undefined && known.untilMs > this.#clock.nowMs()) return known.location
      await (file.asking.get(index) ?? this.#ask(inode, file, index))
    }
  }

  async #ask(inode: InodeId, file: FileLocations, first: ChunkIndex): Promise<void> {
    const answer = this.#master.locate(inode, first, BATCH_CHUNKS)
    const learned = answer.then(chunks => {
      const untilMs = this.#clock.nowMs() + KEEP_MS
      const found = new Map(chunks.map(location => [location.index, location]))
      for (let index = first; index < first + BATCH_CHUNKS; index = (index + 1) as ChunkIndex) {
        // What was learned meanwhile, with a lease, is not older than this answer.
        const other = file.known.get(index)
        if (other !== undefined && other.untilMs > this.#clock.nowMs()) continue
        file.known.set(index, { location: found.get(index), untilMs })
      }
    })
    file.asking.set(first, learned)
    try {
      await learned
    } finally {
      file.asking.delete(first)
    }
  }

  /** A lease was granted: it says where the chunk is now. */
  learn(inode: InodeId, location: ChunkLocation): void {
    this.#file(inode).known.set(location.index, { location, untilMs: this.#clock.nowMs() + KEEP_MS })
  }

  /** Something was written under a lease, perhaps one from before the master said that there is a hole. */
  written(inode: InodeId, lease: ChunkLocation): void {
    const known = this.#file(inode).known.get(lease.index)?.location
    if (known === undefined || known.version < lease.version) this.learn(inode, lease)
  }

  /** What an answer to something else has told; what is known already may be newer. */
  suggest(inode: InodeId, location: ChunkLocation): void {
    const known = this.#file(inode).known.get(location.index)
    if (known === undefined || known.untilMs <= this.#clock.nowMs()) this.learn(inode, location)
  }

  /** What was known of the chunk turned out wrong. */
  forget(inode: InodeId, index: ChunkIndex): void {
    this.#files.peek(inode)?.known.delete(index)
  }

  /** The file was changed by others, or cut. Answers that are under way go to a table nobody looks at any more. */
  forgetFile(inode: InodeId): void {
    this.#files.delete(inode)
  }

  #file(inode: InodeId): FileLocations {
    let file = this.#files.get(inode)
    if (file === undefined) {
      file = { known: new Map(), asking: new Map() }
      this.#files.set(inode, file)
    }
    return file
  }
}
