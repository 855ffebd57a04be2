import type { Attributes } from '../../protocol/attributes.ts'
import { DfsError, isError } from '../../protocol/errors.ts'
import { chunkIndexAt, type ChunkId, type ChunkIndex, type ChunkVersion, type InodeId } from '../../protocol/identifiers.ts'
import { limits } from '../../protocol/limits.ts'
import type { ChunkLease } from '../../protocol/chunks.ts'
import { checksumOf } from '../../protocol/checksum.ts'
import type { Timer } from '../../seams/clock.ts'
import { allDone } from '../all-done.ts'
import type { LentBytes } from '../file-system.ts'
import type { DataPath } from './data-path.ts'
import { Faults } from './faults.ts'
import { Gate } from '../../seams/gate.ts'
import { zeros } from './reader/buffers.ts'
import { FileReader } from './reader/file-reader.ts'
import { nextData, nextHole, type FileExtent } from './seek.ts'
import { Appender } from './writer/appender.ts'
import { FileWriter } from './writer/file-writer.ts'
import { mutate } from './writer/mutate.ts'
import { syncChunks } from './writer/sync-chunks.ts'
import { Unsettled } from './writer/unsettled.ts'
import type { UnsyncedChunk, UnsyncedChunks } from './writer/unsynced-chunks.ts'

/** What the master is to know of bytes that the replicas have. */
export interface Sent {
  endBytes: number
  modifiedNs: bigint
  /** Of the chunks, the oldest under which they were taken. */
  oldestVersion: ChunkVersion
  /** The chunk of index 0, where bytes went there since the last time. */
  first: ChunkId | undefined
}

/** What the contents of one file ask of the master, on behalf of whoever opened it. */
export interface FileAuthority {
  /** See masterApi.settle. @throws DfsError 'bytes-lost' */
  settle(sent: Sent): Promise<Attributes>
  /** The file's attributes from the master itself, not from a cache. */
  freshAttributes(): Promise<Attributes>
  /** See masterApi.dropChunks. */
  dropChunks(first: ChunkIndex, count: number): Promise<Attributes>
}

/** Bytes that nobody asked to send leave after this long. */
const UNSENT_MS_MAX = 1_000

/**
 * The bytes of one open file, shared by all its handles of this client. Writes are taken into memory and sent behind the
 * caller's back; reads see them at every moment.
 */
export class FileContents {
  readonly #inode: InodeId
  readonly #chunkSizeBytes: number
  readonly #path: DataPath
  readonly #authority: FileAuthority
  readonly #writer: FileWriter
  readonly #appender: Appender
  readonly #reader: FileReader
  readonly #unsettled: Unsettled
  /** Writers go together, changes of the size alone. */
  readonly #gate = new Gate()
  #unsyncedChunks: UnsyncedChunks | undefined
  #sizeBytes: number
  #contentVersion: number
  readonly #faults: Faults
  #syncing: Promise<void> = Promise.resolve()
  #timer: Timer | undefined
  #closed = false
  /** Something was written through this: only then is there anything to hand over. */
  #begun = false
  /** The chunk of index 0, where it got bytes that the master was not told of. */
  #firstUsed: ChunkId | undefined

  /** @param attributes as the master gave them when the file was opened */
  constructor({ attributes, data, authority }: { attributes: Attributes, data: DataPath, authority: FileAuthority }) {
    this.#inode = attributes.inode
    this.#chunkSizeBytes = attributes.chunkSizeBytes
    this.#sizeBytes = attributes.sizeBytes
    this.#contentVersion = attributes.contentVersion
    this.#path = data
    this.#unsyncedChunks = data.unsyncedOf(this.#inode)
    this.#authority = authority
    this.#faults = new Faults(({ message }) => {
      data.log.warn({ inode: this.#inode }, `a write in the background failed: ${message}`)
    })
    this.#unsettled = new Unsettled(data.clock, (...sent) => this.#tell(...sent))
    const file = { inode: this.#inode, chunkSizeBytes: this.#chunkSizeBytes, path: data, unsynced: () => this.#unsynced }
    const events = {
      sent: (startBytes: number, endBytes: number, lease: ChunkLease) => {
        this.#reader.forget(startBytes, endBytes)
        this.#unsettled.sent(endBytes, lease.version)
        if (lease.index === 0) this.#firstUsed = lease.chunk
        this.#sizeBytes = Math.max(this.#sizeBytes, endBytes)
      },
      failed: (error: unknown) => {
        this.#reader.forgetAll()
        this.#faults.add(error)
      },
      lost: (written: UnsyncedChunk) => { this.#lost(written) },
    }
    this.#reader = new FileReader(file)
    this.#writer = new FileWriter({ ...file, events })
    this.#appender = new Appender({ ...file, events, freshSize: () => this.#freshSize() })
    data.opened(this.#inode, this.#contentVersion)
  }

  /** Includes what has not been sent. */
  get sizeBytes(): number {
    return this.#sizeBytes + this.#appender.unsentBytes
  }

  /** Of the contents that the caches of this file come from. */
  get contentVersion(): number {
    return this.#contentVersion
  }

  /** What attributes from the master lack: written here and not settled there; undefined when there is nothing. */
  get unsent(): { sizeBytes: number, modifiedNs: bigint } | undefined {
    const { modifiedNs } = this.#unsettled
    return modifiedNs === undefined ? undefined : { sizeBytes: this.sizeBytes, modifiedNs }
  }

  /**
   * Background writes that failed so far, and the last one's error. The methods below reject with a fault once; a handle that
   * must hear of it too compares the count with what it was when it last looked.
   */
  get faults(): { count: number, last: DfsError | undefined } {
    return this.#faults.known
  }

  /** Takes the bytes over (they are copied); waits while too much is unsent. */
  write(offsetBytes: number, data: Uint8Array): Promise<void> {
    return this.#gate.shared(async () => {
      this.#faults.tell()
      checkEnd(offsetBytes + data.length)
      if (!this.#appender.empty) await this.#appender.flushed()
      this.#appender.forgetEnd()
      this.#begin()
      await this.#writer.write(offsetBytes, data)
      this.#sizeBytes = Math.max(this.#sizeBytes, offsetBytes + data.length)
    })
  }

  /** As write, at the end of the file, wherever other clients have moved it. */
  append(data: Uint8Array): Promise<void> {
    return this.#gate.shared(async () => {
      this.#faults.tell()
      checkEnd(this.sizeBytes + data.length)
      if (!this.#writer.empty) await this.#writer.flushed()
      this.#begin()
      await this.#appender.append(data)
    })
  }

  /** Shorter only at the end of the file. */
  lend(offsetBytes: number, lengthBytes: number): Promise<LentBytes> {
    const lend = (): Promise<LentBytes> => this.#lend(offsetBytes, lengthBytes)
    return this.#appender.empty ? lend() : this.#appender.flushed().then(lend)
  }

  #lend(offsetBytes: number, lengthBytes: number): Promise<LentBytes> {
    const endBytes = Math.min(offsetBytes + lengthBytes, this.#sizeBytes)
    if (offsetBytes >= endBytes) return Promise.resolve(given([]))
    const covered = this.#writer.covers(offsetBytes, endBytes)
    return covered === 'none'
      ? this.#reader.lend(offsetBytes, endBytes, this.#sizeBytes)
      : this.#lendUnsent(offsetBytes, endBytes, covered)
  }

  /** What the replicas have, and laid over it what has not been sent. */
  async #lendUnsent(offsetBytes: number, endBytes: number, covered: 'some' | 'all'): Promise<LentBytes> {
    // Copied before anything is waited for: by then the bytes may have left, and their memory be in use for others.
    const unsent = this.#writer.copyOf(offsetBytes, endBytes)
    const [only] = unsent
    if (covered === 'all' && unsent.length === 1 && only !== undefined) return given([only.bytes])
    const merged = Buffer.allocUnsafe(endBytes - offsetBytes)
    if (covered === 'some') {
      let at = 0
      const { parts, giveBack } = await this.#reader.lend(offsetBytes, endBytes, this.#sizeBytes)
      for (const bytes of parts) {
        merged.set(bytes, at)
        at += bytes.length
      }
      giveBack()
    }
    for (const part of unsent) merged.set(part.bytes, part.offsetBytes - offsetBytes)
    return given([merged])
  }

  /**
   * Every replica has what was written so far, and the master the size and time. To be called before the times are set
   * by hand, or the time of the writes would replace them later.
   */
  async flush(): Promise<void> {
    if (this.#begun) {
      await this.#send()
      await this.#settle()
    }
    this.#faults.tell()
  }

  /** As flush, and everything is on stable storage. */
  async sync(): Promise<void> {
    await this.#send('synced')
    // One after the other: a second sync must not find nothing to do while the first still waits for the disks.
    const synced = this.#syncing.then(() => syncChunks(this.#path, this.#inode, this.#unsynced, written => { this.#lost(written) }))
    this.#syncing = synced.catch(() => {})
    // All replicas have the bytes: the master may hear of them while the disks are at work.
    await allDone([synced, this.#settle()])
    this.#faults.tell()
  }

  /**
   * Changes the size: waits for writes under way, drops what lies behind, cuts the last chunk at its primary and then has
   * `tellMaster` set the size there. Other writes wait meanwhile.
   */
  truncate(sizeBytes: number, tellMaster: () => Promise<Attributes>): Promise<Attributes> {
    return this.#gate.alone(async () => {
      checkEnd(sizeBytes)
      // 1. What is to be cut need not be sent; the rest must not arrive after the cut.
      await this.#appender.flushed()
      this.#writer.drop(sizeBytes, Infinity)
      await this.#send()
      await this.#settle()
      // 2. The last chunk: the master only drops whole ones.
      const index = chunkIndexAt(sizeBytes, this.#chunkSizeBytes)
      const lengthBytes = sizeBytes - index * this.#chunkSizeBytes
      if (lengthBytes > 0) await this.#resizeChunk(index, lengthBytes)
      // 3. The size, and the chunks behind it.
      const attributes = await tellMaster()
      this.#unsettled.cut(sizeBytes)
      this.#unsynced.cut(Math.ceil(sizeBytes / this.#chunkSizeBytes))
      this.#forgetCaches()
      this.#sizeBytes = sizeBytes
      this.#contentVersion = attributes.contentVersion
      this.#path.contentsAre(this.#inode, attributes.contentVersion)
      return attributes
    })
  }

  /** Makes a range zeros: whole chunks become holes, the rest is written. Does not change the size: cut the range before. */
  zero(offsetBytes: number, lengthBytes: number): Promise<void> {
    return this.#gate.alone(async () => {
      this.#faults.tell()
      // Only when they have arrived is it known where the file ends.
      await this.#appender.flushed()
      const endBytes = Math.min(offsetBytes + lengthBytes, this.#sizeBytes)
      if (offsetBytes >= endBytes) return
      // Not dropped: the file may have become longer by what becomes zeros now.
      await this.#send()
      // A chunk that ends with the file is whole too.
      const wholeEnd = endBytes === this.#sizeBytes
        ? Math.ceil(endBytes / this.#chunkSizeBytes)
        : chunkIndexAt(endBytes, this.#chunkSizeBytes)
      const first = Math.ceil(offsetBytes / this.#chunkSizeBytes) as ChunkIndex
      if (first < wholeEnd) {
        await this.#settle()
        this.#contentVersion = (await this.#authority.dropChunks(first, wholeEnd - first)).contentVersion
        this.#forgetCaches()
      }
      const holeStart = Math.min(first * this.#chunkSizeBytes, endBytes)
      await this.#writeZeros(offsetBytes, holeStart)
      await this.#writeZeros(Math.max(holeStart, wholeEnd * this.#chunkSizeBytes), endBytes)
    })
  }

  /** Next data at or behind the offset, in whole chunks. @throws DfsError 'no-data-there' */
  async nextData(offsetBytes: number): Promise<number> {
    await this.flush()
    return nextData(this.#path.master, this.#extent, offsetBytes)
  }

  /** Next hole, the end of the file at the latest. @throws DfsError 'no-data-there' the offset is behind the end */
  async nextHole(offsetBytes: number): Promise<number> {
    await this.flush()
    return nextHole(this.#path.master, this.#extent, offsetBytes)
  }

  /** To be called with fresh attributes at every open, and whenever newer ones come by: drops caches that are stale. */
  refresh(attributes: Attributes): void {
    if (attributes.contentVersion < this.#contentVersion) return
    if (attributes.contentVersion !== this.#contentVersion) {
      this.#contentVersion = attributes.contentVersion
      this.#forgetCaches()
      this.#path.contentsAre(this.#inode, attributes.contentVersion)
    }
    this.#sizeBytes = this.unsent === undefined
      ? attributes.sizeBytes
      : Math.max(this.#sizeBytes, attributes.sizeBytes)
  }

  /** Flushes and lets go. What it rejects with has been lost. */
  async close(): Promise<void> {
    try {
      await this.flush()
    } finally {
      this.#closed = true
      this.#timer?.cancel()
      this.#path.isClean(this)
      this.#reader.forgetAll()
    }
  }

  /** Memory is needed: what is unsent should leave now. */
  hurry(): void {
    this.#writer.hurry()
    this.#appender.hurry()
  }

  get #extent(): FileExtent {
    return { inode: this.#inode, chunkSizeBytes: this.#chunkSizeBytes, sizeBytes: this.#sizeBytes }
  }

  /** Chunks with bytes that may not be on stable storage. */
  get #unsynced(): UnsyncedChunks {
    return this.#unsyncedChunks ??= this.#path.newUnsynced(this.#inode)
  }

  #begin(): void {
    this.#begun = true
    this.#unsettled.written()
    this.#arm()
  }

  #arm(): void {
    if (this.#timer !== undefined) return
    this.#path.isDirty(this)
    this.#timer = this.#path.clock.after(UNSENT_MS_MAX, () => { void this.#sendLate() })
  }

  /** What nobody asked for in time leaves by itself, and the master hears of it. */
  async #sendLate(): Promise<void> {
    this.#timer = undefined
    await this.#send()
    try {
      await this.#settle()
    } catch (error) {
      this.#faults.add(error)
    }
    if (this.#closed) return
    if (this.#writer.empty && this.#appender.empty) this.#path.isClean(this)
    else this.#arm()
  }

  async #send(how: 'all' | 'synced' = 'all'): Promise<void> {
    await this.#writer.flushed(how)
    await this.#appender.flushed(how)
  }

  async #settle(): Promise<void> {
    const attributes = await this.#unsettled.settle().catch((error: unknown) => { this.#givenUp(error) })
    if (this.#writer.empty && this.#appender.empty) this.#unsettled.allGone()
    if (attributes === undefined || attributes.contentVersion < this.#contentVersion) return
    // A settlement counts one up: a larger step says that somebody else has changed the contents as well.
    if (attributes.contentVersion > this.#contentVersion + 1) this.#forgetCaches()
    this.#contentVersion = attributes.contentVersion
    this.#path.contentsAre(this.#inode, this.#contentVersion)
    if (this.unsent === undefined) this.#sizeBytes = attributes.sizeBytes
  }

  async #tell(endBytes: number, modifiedNs: bigint, oldestVersion: ChunkVersion): Promise<Attributes> {
    const first = this.#firstUsed
    const attributes = await this.#authority.settle({ endBytes, modifiedNs, oldestVersion, first })
    if (this.#firstUsed === first) this.#firstUsed = undefined
    return attributes
  }

  async #freshSize(): Promise<number> {
    await this.#settle()
    return (await this.#authority.freshAttributes()).sizeBytes
  }

  async #resizeChunk(index: ChunkIndex, lengthBytes: number): Promise<void> {
    this.#path.locations.forget(this.#inode, index)
    // A hole needs no cutting, and asking for a lease would fill it.
    if (await this.#path.locations.get(this.#inode, index) === undefined) return
    const { lease } = await mutate(this.#path, {
      inode: this.#inode, index, mutation: { kind: 'resize', lengthBytes },
      data: [], lengthBytes: 0, checksum: checksumOf(new Uint8Array()), sync: false,
    })
    this.#unsynced.wrote(lease)
  }

  /** Within one chunk; a hole has its zeros already. */
  async #writeZeros(startBytes: number, endBytes: number): Promise<void> {
    if (startBytes >= endBytes) return
    const index = chunkIndexAt(startBytes, this.#chunkSizeBytes)
    if (await this.#path.locations.get(this.#inode, index) === undefined) return
    let at = startBytes
    for (const part of zeros(endBytes - startBytes)) {
      this.#begin()
      await this.#writer.write(at, part)
      at += part.length
    }
  }

  #forgetCaches(): void {
    this.#reader.forgetAll()
    this.#appender.forgetEnd()
    this.#path.forgetChunks(this.#inode)
  }

  /** While the master did not hear of us it gave up what was sent: every handle is told of that, once. */
  #givenUp(error: unknown): void {
    if (!isError(error, 'bytes-lost')) throw error
    this.#forgetCaches()
    this.#faults.add(error)
  }

  /** What is there has been synced, but it may not be all that was written; that is told once, and no longer owed. */
  #lost({ chunk, version }: UnsyncedChunk): void {
    this.#reader.forgetAll()
    this.#faults.add(new DfsError('bytes-lost',
      `chunk ${chunk}: all its servers lost power, and what was written from version ${version} on may be lost`))
  }
}

/** Bytes that nobody wants back. */
function given(parts: Uint8Array[]): LentBytes {
  return { parts, giveBack: () => {} }
}

function checkEnd(endBytes: number): void {
  if (endBytes > limits.fileBytesMax) throw new DfsError('too-large', `a file ends at ${limits.fileBytesMax} bytes at the latest`)
}
