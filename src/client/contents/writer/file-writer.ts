import type { ChunkLease, Extent } from '../../../protocol/chunks.ts'
import { chunkIndexAt, type ChunkIndex, type InodeId } from '../../../protocol/identifiers.ts'
import type { DataPath } from '../data-path.ts'
import { DirtyChunk, type Batch } from './dirty-chunk.ts'
import { checksumOfAll, mutate } from './mutate.ts'
import { SLAB_BYTES_MAX, SlabWriter } from './slabs.ts'
import { mayLack, type UnsyncedChunk, type UnsyncedChunks } from './unsynced-chunks.ts'

/**
 * A writer waits while more than this is ready to leave. All streams are busy long before; what queues behind them only
 * takes memory, and has left the processor's caches when its turn comes.
 */
const READY_BYTES_MAX = 32 * 1024 * 1024

/** What became of bytes; offsets are those of the file. */
export interface WriterEvents {
  /** The replicas have them. Called before they are forgotten here. */
  sent(startBytes: number, endBytes: number, lease: ChunkLease): void
  /** They are lost. */
  failed(error: unknown): void
  /** The chunk has been synced, but what was written to it before may be lost. */
  lost(written: UnsyncedChunk): void
}

/** Which bytes of a chunk should leave: a good batch of them, all, or all and with a sync where one batch does for that. */
type Due = 'enough' | 'all' | 'synced'

interface Leaving {
  index: ChunkIndex
  chunk: DirtyChunk
  batch: Batch
  sync: boolean
}

/** The unsent bytes of one file that have their place, and their way to the replicas. */
export class FileWriter {
  readonly #inode: InodeId
  readonly #chunkSizeBytes: number
  readonly #path: DataPath
  readonly #events: WriterEvents
  readonly #unsynced: () => UnsyncedChunks
  readonly #slabs: SlabWriter
  readonly #chunks = new Map<ChunkIndex, DirtyChunk>()
  /** Chunks with something that should leave. */
  readonly #due = new Map<ChunkIndex, Due>()
  readonly #waiting: { write: number, resolve: () => void }[] = []
  readonly #crowd: (() => void)[] = []
  #writes = 0
  #pumping = false

  constructor(parts: {
    inode: InodeId, chunkSizeBytes: number, path: DataPath, events: WriterEvents, unsynced: () => UnsyncedChunks,
  }) {
    this.#inode = parts.inode
    this.#chunkSizeBytes = parts.chunkSizeBytes
    this.#path = parts.path
    this.#events = parts.events
    this.#unsynced = parts.unsynced
    this.#slabs = new SlabWriter(parts.path.slabs)
  }

  /** Whether nothing is left to be sent. */
  get empty(): boolean {
    return this.#chunks.size === 0
  }

  /** Takes a copy of the bytes; waits while the client's memory for them is used up. */
  async write(offsetBytes: number, data: Uint8Array): Promise<void> {
    const write = ++this.#writes
    for (let done = 0; done < data.length;) {
      const at = offsetBytes + done
      const index = chunkIndexAt(at, this.#chunkSizeBytes)
      const within = at - index * this.#chunkSizeBytes
      const room = Math.min(data.length - done, this.#chunkSizeBytes - within, SLAB_BYTES_MAX)
      const part = room === data.length ? data : data.subarray(done, done + room)
      const { slab, bytes } = this.#slabs.copyNow(part) ?? await this.#slabs.copy(part)
      const chunk = this.#chunk(index)
      chunk.put({ offsetBytes: within, bytes, slab, write })
      if (chunk.due && !this.#due.has(index)) {
        this.#due.set(index, 'enough')
        this.#pump()
      }
      done += bytes.length
      while (this.#readyBytes() > READY_BYTES_MAX) await new Promise<void>(resolve => { this.#crowd.push(resolve) })
    }
  }

  /** Everything should leave now. */
  hurry(how: 'all' | 'synced' = 'all'): void {
    for (const [index, chunk] of this.#chunks) {
      if (chunk.pendingBytes > 0) this.#due.set(index, how)
    }
    this.#pump()
  }

  /**
   * Resolves when nothing that was written before is on its way any more; failures were told of. 'synced': what is not
   * among {@link UnsyncedChunks} then is on stable storage.
   */
  flushed(how: 'all' | 'synced' = 'all'): Promise<void> {
    if (this.empty) return Promise.resolve()
    this.hurry(how)
    const left = new Promise<void>(resolve => { this.#waiting.push({ write: this.#writes, resolve }) })
    this.#wakeWaiting()
    return left
  }

  /** Drops what was not sent of a range. */
  drop(startBytes: number, endBytes: number): void {
    for (const [index, chunk] of this.#chunks) {
      const chunkStart = index * this.#chunkSizeBytes
      chunk.drop(startBytes - chunkStart, endBytes - chunkStart)
      this.#tidy(index, chunk)
    }
    this.#wakeWaiting()
  }

  /** Whether the bytes of a range are here. */
  covers(startBytes: number, endBytes: number): 'all' | 'some' | 'none' {
    if (this.#chunks.size === 0) return 'none'
    const found = new Set<'all' | 'some' | 'none'>()
    this.#eachChunk(startBytes, endBytes, (chunk, from, to) => found.add(chunk?.covers(from, to) ?? 'none'))
    const [only] = found
    return found.size === 1 && only !== undefined ? only : 'some'
  }

  /** Copies of the unsent bytes of a range, older ones first. */
  copyOf(startBytes: number, endBytes: number): { offsetBytes: number, bytes: Buffer }[] {
    const copies: { offsetBytes: number, bytes: Buffer }[] = []
    this.#eachChunk(startBytes, endBytes, (chunk, from, to, chunkStart) => {
      for (const { offsetBytes, bytes } of chunk?.copyOf(from, to) ?? []) {
        copies.push({ offsetBytes: chunkStart + offsetBytes, bytes })
      }
    })
    return copies
  }

  #readyBytes(): number {
    let bytes = 0
    for (const index of this.#due.keys()) bytes += this.#chunks.get(index)?.pendingBytes ?? 0
    return bytes
  }

  #eachChunk(
    startBytes: number, endBytes: number,
    visit: (chunk: DirtyChunk | undefined, fromBytes: number, toBytes: number, chunkStart: number) => void,
  ): void {
    for (let at = startBytes; at < endBytes;) {
      const index = chunkIndexAt(at, this.#chunkSizeBytes)
      const chunkStart = index * this.#chunkSizeBytes
      const to = Math.min(endBytes, chunkStart + this.#chunkSizeBytes)
      visit(this.#chunks.get(index), at - chunkStart, to - chunkStart, chunkStart)
      at = to
    }
  }

  /** Sends what is due, as streams become free: what waits for one grows meanwhile. */
  #pump(): void {
    if (this.#pumping || this.#due.size === 0) return
    this.#pumping = true
    void (async () => {
      while (this.#due.size > 0) {
        await this.#path.streams.take()
        const next = this.#take()
        if (next === undefined) {
          // What is due overlaps something under way, whose end comes here again.
          this.#path.streams.giveBack()
          break
        }
        void this.#send(next)
      }
      this.#pumping = false
    })()
  }

  #take(): Leaving | undefined {
    for (const [index, how] of this.#due) {
      const chunk = this.#chunks.get(index)
      const batch = chunk?.take({ all: how !== 'enough' })
      if (chunk === undefined || chunk.pendingBytes === 0 || (how === 'enough' && !chunk.due)) this.#due.delete(index)
      // Beside others it would be synced without those that overtake it.
      if (chunk !== undefined && batch !== undefined) return { index, chunk, batch, sync: how === 'synced' && chunk.isLast(batch) }
    }
    return undefined
  }

  async #send({ index, chunk, batch, sync }: Leaving): Promise<void> {
    // What is written meanwhile is unsynced anew.
    const before = sync ? this.#unsynced().take(index) : undefined
    const extents = extentsOf(batch)
    const data = batch.segments.map(({ bytes }) => bytes)
    const chunkStart = index * this.#chunkSizeBytes
    const spoil = (): void => { for (const { slab } of batch.segments) slab.spoilt = true }
    try {
      const { lease, attempts } = await mutate(this.#path, {
        inode: this.#inode, index, mutation: { kind: 'write', extents }, data, lengthBytes: batch.lengthBytes,
        checksum: checksumOfAll(data), sync,
      })
      if (attempts > 1) spoil()
      if (!sync) this.#unsynced().wrote(lease)
      else if (before !== undefined && mayLack(lease, before)) this.#events.lost(before)
      for (const { offsetBytes, lengthBytes } of extents) {
        const start = chunkStart + offsetBytes
        this.#events.sent(start, start + lengthBytes, lease)
      }
    } catch (error) {
      spoil()
      if (before !== undefined) this.#unsynced().wrote(before)
      this.#events.failed(error)
    }
    chunk.sent(batch)
    this.#tidy(index, chunk)
    this.#path.streams.giveBack()
    this.#wakeWaiting()
    this.#pump()
  }

  #wakeWaiting(): void {
    for (const resolve of this.#crowd.splice(0)) resolve()
    if (this.#waiting.length === 0) return
    let oldest = Infinity
    for (const chunk of this.#chunks.values()) oldest = Math.min(oldest, chunk.oldestWrite())
    for (let first = this.#waiting[0]; first !== undefined && first.write < oldest; first = this.#waiting[0]) {
      this.#waiting.shift()
      first.resolve()
    }
  }

  #chunk(index: ChunkIndex): DirtyChunk {
    let chunk = this.#chunks.get(index)
    if (chunk === undefined) {
      chunk = new DirtyChunk((slab, count) => { this.#slabs.release(slab, count) })
      this.#chunks.set(index, chunk)
    }
    return chunk
  }

  #tidy(index: ChunkIndex, chunk: DirtyChunk): void {
    if (!chunk.empty || this.#chunks.get(index) !== chunk) return
    this.#chunks.delete(index)
    this.#due.delete(index)
  }
}

/** Segments that follow one another go to one place. */
function extentsOf({ segments }: Batch): Extent[] {
  const extents: Extent[] = []
  for (const { offsetBytes, bytes } of segments) {
    const last = extents.at(-1)
    if (last !== undefined && last.offsetBytes + last.lengthBytes === offsetBytes) last.lengthBytes += bytes.length
    else extents.push({ offsetBytes, lengthBytes: bytes.length })
  }
  return extents
}
