import { isError } from '../../../protocol/errors.ts'
import { chunkIndexAt, type ChunkIndex, type InodeId } from '../../../protocol/identifiers.ts'
import { limits } from '../../../protocol/limits.ts'
import type { DataPath } from '../data-path.ts'
import { chunkLength } from '../reader/read-chunk.ts'
import type { WriterEvents } from './file-writer.ts'
import { checksumOfAll, mutate } from './mutate.ts'
import { SlabWriter, type Copied } from './slabs.ts'
import { mayLack, type UnsyncedChunks } from './unsynced-chunks.ts'

/** Appends leave together up to this many bytes. */
const BATCH_BYTES = 1024 * 1024

/** For so long the end of the file is looked for where it was. */
const END_KNOWN_MS = 1_000

/** Bytes on their way to the end of the file, wherever it is: the primary of its last chunk chooses the place. */
export class Appender {
  readonly #inode: InodeId
  readonly #chunkSizeBytes: number
  readonly #path: DataPath
  readonly #events: WriterEvents
  readonly #unsynced: () => UnsyncedChunks
  readonly #freshSize: () => Promise<number>
  readonly #slabs: SlabWriter
  /** Each stays together in one commit. */
  readonly #queue: Copied[] = []
  #queuedBytes = 0
  #unsentBytes = 0
  /** Copying may have to wait for memory, and appends must not overtake one another there. */
  #copying: Promise<void> = Promise.resolve()
  #draining = false
  readonly #waiting: { append: number, resolve: () => void }[] = []
  #appended = 0
  #sent = 0
  /** Appends up to this one are wanted on stable storage. */
  #syncUpTo = 0
  #end: { index: ChunkIndex, endBytes: number, untilMs: number } | undefined

  /** @param freshSize asks the master, after it has been told what was written before */
  constructor(parts: {
    inode: InodeId, chunkSizeBytes: number, path: DataPath, events: WriterEvents, unsynced: () => UnsyncedChunks,
    freshSize: () => Promise<number>,
  }) {
    this.#inode = parts.inode
    this.#chunkSizeBytes = parts.chunkSizeBytes
    this.#path = parts.path
    this.#events = parts.events
    this.#unsynced = parts.unsynced
    this.#freshSize = parts.freshSize
    this.#slabs = new SlabWriter(parts.path.slabs)
  }

  get empty(): boolean {
    return this.#sent === this.#appended
  }

  /** Bytes that will make the file longer. */
  get unsentBytes(): number {
    return this.#unsentBytes
  }

  /** Takes a copy of the bytes; waits while the client's memory for them is used up. */
  append(data: Uint8Array): Promise<void> {
    const copied = this.#copying.then(() => this.#copy(data))
    this.#copying = copied.catch(() => {})
    return copied
  }

  async #copy(data: Uint8Array): Promise<void> {
    for (let done = 0; done < data.length;) {
      const append = await this.#slabs.copyWhole(data.subarray(done, done + limits.payloadBytesMax))
      const lengthBytes = append.bytes.length
      done += lengthBytes
      this.#queue.push(append)
      this.#queuedBytes += lengthBytes
      this.#unsentBytes += lengthBytes
      this.#appended++
    }
    if (this.#queuedBytes >= BATCH_BYTES) this.hurry()
  }

  /** Everything should leave now. */
  hurry(): void {
    if (!this.#draining) void this.#drain()
  }

  /** Resolves when nothing that was appended before is on its way any more; failures were told of. As in {@link FileWriter}. */
  async flushed(how: 'all' | 'synced' = 'all'): Promise<void> {
    await this.#copying
    if (this.empty) return
    if (how === 'synced') this.#syncUpTo = this.#appended
    this.hurry()
    await new Promise<void>(resolve => { this.#waiting.push({ append: this.#appended, resolve }) })
  }

  /** The end of the file may have moved back. */
  forgetEnd(): void {
    this.#end = undefined
  }

  /** One batch after the other: the order of a file's appends is that of its writers. */
  async #drain(): Promise<void> {
    this.#draining = true
    while (this.#queue.length > 0) {
      await this.#path.streams.take()
      const batch = this.#take()
      try {
        const sync = this.#queue.length === 0 && this.#syncUpTo === this.#appended
        await this.#send(batch.map(({ bytes }) => bytes), sync)
      } catch (error) {
        for (const { slab } of batch) slab.spoilt = true
        this.#events.failed(error)
      }
      for (const { slab, bytes } of batch) {
        this.#unsentBytes -= bytes.length
        this.#slabs.release(slab, bytes.length)
      }
      this.#path.streams.giveBack()
      this.#sent += batch.length
      for (let first = this.#waiting[0]; first !== undefined && first.append <= this.#sent; first = this.#waiting[0]) {
        this.#waiting.shift()
        first.resolve()
      }
    }
    this.#draining = false
  }

  #take(): Copied[] {
    let lengthBytes = 0
    let count = 0
    for (const append of this.#queue) {
      if (count > 0 && lengthBytes + append.bytes.length > BATCH_BYTES) break
      lengthBytes += append.bytes.length
      count++
    }
    this.#queuedBytes -= lengthBytes
    return this.#queue.splice(0, count)
  }

  async #send(bytes: Buffer[], sync: boolean): Promise<void> {
    let left = bytes
    let index = await this.#findEnd()
    while (left.length > 0) {
      const written = await this.#appendTo(index, left, sync)
      left = behind(left, written)
      if (left.length > 0) index = (index + 1) as ChunkIndex
    }
  }

  /** @returns how many bytes fitted */
  async #appendTo(index: ChunkIndex, data: Buffer[], sync: boolean): Promise<number> {
    const before = sync ? this.#unsynced().take(index) : undefined
    try {
      const { outcome: { offsetBytes, writtenBytes }, lease } = await mutate(this.#path, {
        inode: this.#inode, index, mutation: { kind: 'append' }, data,
        lengthBytes: data.reduce((sum, { length }) => sum + length, 0), checksum: checksumOfAll(data), sync,
      })
      if (!sync) this.#unsynced().wrote(lease)
      else if (before !== undefined && mayLack(lease, before)) this.#events.lost(before)
      const start = index * this.#chunkSizeBytes + offsetBytes
      this.#end = {
        index, endBytes: start + writtenBytes, untilMs: this.#end?.untilMs ?? this.#path.clock.nowMs() + END_KNOWN_MS,
      }
      this.#events.sent(start, start + writtenBytes, lease)
      return writtenBytes
    } catch (error) {
      if (before !== undefined) this.#unsynced().wrote(before)
      if (isError(error, 'chunk-full')) return 0
      throw error
    }
  }

  /** The chunk that the file ends in; others may have filled it meanwhile, and the primary will say so. */
  async #findEnd(): Promise<ChunkIndex> {
    if (this.#end !== undefined && this.#end.untilMs > this.#path.clock.nowMs()) return this.#end.index
    const sizeBytes = await this.#freshSize()
    const index = chunkIndexAt(sizeBytes, this.#chunkSizeBytes)
    const within = sizeBytes - index * this.#chunkSizeBytes
    // The chunk is as long as we left it, unless the file was made longer without bytes.
    if (within > 0 && this.#end?.endBytes !== sizeBytes) await this.#fillUpTo(index, within)
    this.#end = { index, endBytes: sizeBytes, untilMs: this.#path.clock.nowMs() + END_KNOWN_MS }
    return index
  }

  /**
   * A chunk may be shorter than its part of the file, which then ends with zeros that exist nowhere; an append would land
   * among them. The last of them is written: it stays a zero, whoever else does the same.
   */
  async #fillUpTo(index: ChunkIndex, lengthBytes: number): Promise<void> {
    if (await chunkLength(this.#path, this.#inode, index) >= lengthBytes) return
    const data = [Buffer.alloc(1)]
    await mutate(this.#path, {
      inode: this.#inode, index, data, lengthBytes: 1, checksum: checksumOfAll(data), sync: false,
      mutation: { kind: 'write', extents: [{ offsetBytes: lengthBytes - 1, lengthBytes: 1 }] },
    })
  }
}

/** What is left of the bytes without the first `count`. */
function behind(buffers: Buffer[], count: number): Buffer[] {
  const rest: Buffer[] = []
  let skip = count
  for (const buffer of buffers) {
    if (skip < buffer.length) rest.push(skip === 0 ? buffer : buffer.subarray(skip))
    skip = Math.max(0, skip - buffer.length)
  }
  return rest
}
