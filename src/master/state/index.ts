import assert from 'node:assert/strict'
import { DfsError } from '../../protocol/errors.ts'
import {
  type ChunkId, type ChunkIndex, type ChunkVersion, type InodeId, type ServerId, type SessionId,
} from '../../protocol/identifiers.ts'
import type { Stamp } from '../../protocol/master-api.ts'
import type { LinkTarget, Name, XattrName } from '../../protocol/names.ts'
import { ChunkTable, freshChunk, type IndexRange } from './chunks.ts'
import { encodeCounters, readCounters, type Counters } from './counters.ts'
import { InodeTable } from './inodes.ts'
import { idIn, idKey, nameIn, nameKey, Table, tableKey } from './keys.ts'
import { encodeNumbers, numberOf } from './numbers.ts'
import type { ChunkRecord, FileChunk, Inode } from './records.ts'
import { Remembered } from './remembered.ts'
import type { Store } from './store.ts'
import { TrashTable, type Trashed } from './trash.ts'
import type { Trim } from './trims.ts'

export type { ChunkRecord, FileChunk, Inode } from './records.ts'
export type { Trashed } from './trash.ts'

const NOTHING = Buffer.from([1])

/** Thrown by a change while the state may only be looked at: see {@link MasterState.wouldRefuse}. */
class WouldChange extends Error {}
const wouldChange = new WouldChange()

/** Everything the master knows for ever. Changed only by applying journal entries, read by everyone at any time. */
export class MasterState {
  readonly #store: Store
  readonly #inodes: InodeTable
  readonly #chunks: ChunkTable
  readonly #remembered: Remembered
  readonly #trash: TrashTable
  readonly #unwritten: Set<InodeId>
  readonly #counters: Counters
  #looking = false

  constructor(store: Store) {
    this.#store = store
    this.#counters = readCounters(store.get(tableKey(Table.counters)))
    this.#inodes = new InodeTable(store)
    this.#chunks = new ChunkTable(store)
    this.#remembered = new Remembered(store)
    this.#trash = new TrashTable(store)
    this.#unwritten = new Set(Array.from(
      store.keys({ start: tableKey(Table.unwritten), end: Buffer.from([Table.unwritten + 1]) }), key => idIn(key) as InodeId))
  }

  // Reading

  inode(inode: InodeId): Inode | undefined {
    return this.#inodes.get(inode)
  }

  /** The record of a regular file; none for anything else. */
  fileOf(inode: InodeId): Inode | undefined {
    const found = this.inode(inode)
    return found?.type === 'file' ? found : undefined
  }

  entry(parent: InodeId, name: Name): InodeId | undefined {
    const bytes = this.#store.peek(nameKey(Table.entry, parent, name))
    return bytes === undefined ? undefined : numberOf(bytes) as InodeId
  }

  /** Names in a directory behind `after`, in the order of their bytes. */
  entriesOf(parent: InodeId, after: Name | undefined, limit: number): { name: Name, inode: InodeId }[] {
    const range = { start: nameKey(Table.entry, parent, after ?? ''), end: idKey(Table.entry, parent + 1), limit, after: true }
    return Array.from(this.#store.entries(range), ({ key, value }) => (
      { name: nameIn(key) as Name, inode: numberOf(value) as InodeId }))
  }

  /** Where a chunk belongs; none when it was freed or never was. */
  chunk(chunk: ChunkId): ChunkRecord | undefined {
    return this.#chunks.get(chunk)
  }

  chunkAt(inode: InodeId, index: ChunkIndex): ChunkRecord | undefined {
    return this.#chunks.at(inode, index)
  }

  /** The chunks a file has among indexes `first` to `first + count - 1`, in order; holes are left out. */
  chunksOf(inode: InodeId, first: ChunkIndex, count: number, limit = Infinity): FileChunk[] {
    return this.#chunks.of(inode, { first, end: first + count }, limit)
  }

  /** How many chunks a file has in a range. */
  countChunks(inode: InodeId, range: IndexRange): number {
    return this.#chunks.count(inode, range)
  }

  /** Cuts whose chunks are still to be removed. */
  trimsOf(inode: InodeId): readonly Trim[] {
    return this.#chunks.cutsOf(inode)
  }

  /** Files with such cuts. */
  trimmed(): InodeId[] {
    return this.#chunks.cutFiles()
  }

  /** Whether the file's first chunk was made with it, and nobody has said that there are bytes in it. */
  isUnwritten(inode: InodeId): boolean {
    return this.#unwritten.has(inode)
  }

  /** All such files. */
  unwritten(): InodeId[] {
    return [...this.#unwritten]
  }

  /** All chunks, in the order of their ids; a chunk freed meanwhile may still come. */
  eachChunk(): Iterable<ChunkRecord> {
    return this.#chunks.each()
  }

  xattr(inode: InodeId, name: XattrName): Uint8Array<ArrayBuffer> | undefined {
    const bytes = this.#store.get(nameKey(Table.xattr, inode, name))
    return bytes === undefined ? undefined : Uint8Array.from(bytes)
  }

  xattrsOf(inode: InodeId): XattrName[] {
    return Array.from(this.#store.keys({ start: idKey(Table.xattr, inode), end: idKey(Table.xattr, inode + 1) }),
      key => nameIn(key) as XattrName)
  }

  target(inode: InodeId): LinkTarget | undefined {
    return this.#store.get(idKey(Table.target, inode))?.toString('latin1') as LinkTarget | undefined
  }

  /** Files without a name that somebody may have open. */
  orphans(): InodeId[] {
    return Array.from(this.#store.keys({ start: idKey(Table.orphan, 0), end: tableKey(Table.session) }),
      key => idIn(key) as InodeId)
  }

  /** Whether the file has no name and is not in the trash either: it goes when nobody has it open. */
  isOrphan(inode: InodeId): boolean {
    return this.#store.peek(idKey(Table.orphan, inode)) !== undefined
  }

  /** What a directory is called in the one it is in; the root has no name. */
  directoryName(directory: InodeId): Name | undefined {
    return this.#store.get(idKey(Table.directoryName, directory))?.toString('latin1') as Name | undefined
  }

  /** Files that were removed and can still be brought back: to be looked at only. */
  get trash(): Pick<TrashTable, 'get' | 'has' | 'due' | 'nextDueMs' | 'find'> {
    return this.#trash
  }

  hasSession(session: SessionId): boolean {
    return this.#store.peek(idKey(Table.session, session)) !== undefined
  }

  sessions(): SessionId[] {
    return Array.from(this.#store.keys({ start: idKey(Table.session, 0), end: tableKey(Table.result) }),
      key => idIn(key) as SessionId)
  }

  /** The answer a mutation got when it first came; `null` when that is forgotten because the client has it. */
  rememberedResult({ session, sequence }: Pick<Stamp, 'session' | 'sequence'>): Buffer | null | undefined {
    return this.#remembered.get(session, sequence) ?? (this.#remembered.isOutdated(session, sequence) ? null : undefined)
  }

  /** Servers that are to lose all that they have. */
  draining(): ServerId[] {
    return Array.from(this.#store.keys({ start: idKey(Table.draining, 0), end: tableKey((Table.draining + 1) as Table) }),
      key => idIn(key) as ServerId)
  }

  get appliedIndex(): number { return this.#counters.appliedIndex }
  get nextInode(): InodeId { return this.#counters.nextInode as InodeId }
  /** No chunk has had this id, nor a larger one. */
  get nextChunk(): ChunkId { return this.#counters.nextChunk as ChunkId }
  get nextSession(): SessionId { return this.#counters.nextSession as SessionId }
  /** Versions from this one on have never been handed out. */
  get versionBound(): ChunkVersion { return this.#counters.versionBound as ChunkVersion }
  get chunkCount(): number { return this.#counters.chunkCount }
  get inodeCount(): number { return this.#counters.inodeCount }
  get sessionCount(): number { return this.#counters.sessionCount }
  get trashFiles(): number { return this.#counters.trashFiles }
  /** Of the files as they were when they were removed. */
  get trashBytes(): number { return this.#counters.trashBytes }

  // Changing: by entries being applied only

  /** Runs `apply` for the entries up to `index` in one transaction: all of it becomes visible, or nothing. */
  advance(index: number, apply: () => void): void {
    this.#store.transaction(() => {
      apply()
      this.#counters.appliedIndex = index
      this.#store.put(tableKey(Table.counters), encodeCounters(this.#counters))
    })
  }

  /** What `apply` refuses before it would change anything; none when it would go on to change something. */
  wouldRefuse(apply: () => void): DfsError | undefined {
    this.#looking = true
    try {
      apply()
      return undefined
    } catch (error) {
      if (error instanceof DfsError) return error
      if (error instanceof WouldChange) return undefined
      throw error
    } finally {
      this.#looking = false
    }
  }

  addInode(inode: InodeId, record: Inode): void {
    this.#change()
    assert(this.inode(inode) === undefined, 'the leader hands out each inode once')
    this.#counters.inodeCount++
    this.#counters.nextInode = Math.max(this.#counters.nextInode, inode + 1)
    this.setInode(inode, record)
  }

  setInode(inode: InodeId, record: Inode): void {
    this.#change()
    this.#inodes.put(inode, record)
  }

  /** With its extended attributes and link target; chunks and names have gone before. */
  removeInode(inode: InodeId): void {
    this.#change()
    this.#counters.inodeCount--
    this.#inodes.remove(inode)
    for (const name of this.xattrsOf(inode)) this.removeXattr(inode, name)
    this.#store.remove(idKey(Table.target, inode))
    this.#store.remove(idKey(Table.orphan, inode))
    this.#store.remove(idKey(Table.directoryName, inode))
  }

  setEntry(parent: InodeId, name: Name, inode: InodeId): void {
    this.#change()
    this.#store.put(nameKey(Table.entry, parent, name), encodeNumbers(inode))
  }

  setDirectoryName(directory: InodeId, name: Name): void {
    this.#change()
    this.#store.put(idKey(Table.directoryName, directory), Buffer.from(name, 'latin1'))
  }

  removeEntry(parent: InodeId, name: Name): void {
    this.#change()
    this.#store.remove(nameKey(Table.entry, parent, name))
  }

  setTarget(inode: InodeId, target: LinkTarget): void {
    this.#change()
    this.#store.put(idKey(Table.target, inode), Buffer.from(target, 'latin1'))
  }

  setXattr(inode: InodeId, name: XattrName, value: Uint8Array): void {
    this.#change()
    this.#store.put(nameKey(Table.xattr, inode, name), Buffer.from(value))
  }

  removeXattr(inode: InodeId, name: XattrName): void {
    this.#change()
    this.#store.remove(nameKey(Table.xattr, inode, name))
  }

  /**
   * The file's own record keeps count of its chunks: see {@link Inode.chunkCount}, which the caller sets.
   * @returns the chunk of a cut that was still on record there
   */
  addChunk(record: Omit<ChunkRecord, 'lossVersion'>): ChunkId | undefined {
    this.#change()
    const cut = this.#chunks.hiddenAt(record.inode, record.index)
    if (cut !== undefined) this.removeChunk(record.inode, cut)
    this.#counters.chunkCount++
    this.#counters.nextChunk = Math.max(this.#counters.nextChunk, record.chunk + 1)
    this.#chunks.add(freshChunk(record))
    return cut?.chunk
  }

  /** Makes all chunks of a range vanish; {@link trimSome} removes them. */
  trim(inode: InodeId, range: IndexRange): void {
    this.#change()
    this.#chunks.cut(inode, range, this.nextChunk)
  }

  /** Looks at so many chunks of a cut's range and removes those that are meant; with the last of them goes the cut. */
  trimSome(inode: InodeId, trim: Trim, limit: number): { seen: number, freed: ChunkId[] } {
    this.#change()
    const { seen, hidden } = this.#chunks.takeCut(inode, trim, limit)
    for (const chunk of hidden) this.removeChunk(inode, chunk)
    return { seen, freed: hidden.map(({ chunk }) => chunk) }
  }

  setChunkVersion(chunk: ChunkId, version: ChunkVersion, { doubtful }: { doubtful: boolean }): void {
    this.#change()
    const record = this.chunk(chunk)
    assert(record !== undefined, `chunk ${String(chunk)} exists`)
    this.#chunks.set({ ...record, version, ...(doubtful ? { lossVersion: version } : {}) })
  }

  removeChunk(inode: InodeId, { index, chunk }: { index: ChunkIndex, chunk: ChunkId }): void {
    this.#change()
    this.#counters.chunkCount--
    this.#chunks.remove(inode, { index, chunk })
    if (index === 0) this.setWritten(inode)
  }

  setUnwritten(inode: InodeId): void {
    this.#change()
    this.#unwritten.add(inode)
    this.#store.put(idKey(Table.unwritten, inode), NOTHING)
  }

  setWritten(inode: InodeId): void {
    this.#change()
    if (this.#unwritten.delete(inode)) this.#store.remove(idKey(Table.unwritten, inode))
  }

  setDraining(server: ServerId, draining: boolean): void {
    this.#change()
    const key = idKey(Table.draining, server)
    if (draining) this.#store.put(key, NOTHING)
    else this.#store.remove(key)
  }

  addOrphan(inode: InodeId): void {
    this.#change()
    this.#store.put(idKey(Table.orphan, inode), NOTHING)
  }

  addToTrash(inode: InodeId, trashed: Trashed): void {
    this.#change()
    this.#counters.trashFiles++
    this.#counters.trashBytes += trashed.sizeBytes
    this.#trash.add(inode, trashed)
  }

  /** For good, or back to a name. */
  takeFromTrash(inode: InodeId): void {
    this.#change()
    const trashed = this.#trash.get(inode)
    assert(trashed !== undefined, `inode ${String(inode)} is in the trash`)
    this.#counters.trashFiles--
    this.#counters.trashBytes -= trashed.sizeBytes
    this.#trash.remove(inode, trashed)
  }

  addSession(session: SessionId): void {
    this.#change()
    this.#counters.sessionCount++
    this.#counters.nextSession = Math.max(this.#counters.nextSession, session + 1)
    this.#store.put(idKey(Table.session, session), NOTHING)
  }

  removeSession(session: SessionId): void {
    this.#change()
    this.#counters.sessionCount--
    this.#store.remove(idKey(Table.session, session))
    this.#remembered.forgetSession(session)
  }

  remember(stamp: Stamp, result: Buffer): void {
    this.#change()
    this.#remembered.put(stamp, result)
  }

  raiseVersionBound(upTo: ChunkVersion): void {
    this.#change()
    this.#counters.versionBound = Math.max(this.#counters.versionBound, upTo)
  }

  #change(): void {
    if (this.#looking) throw wouldChange
  }
}
