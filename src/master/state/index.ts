import assert from 'node:assert/strict'
import { DfsError } from '../../protocol/errors.ts'
import type { ChunkId, ChunkIndex, ChunkVersion, InodeId, ServerId, SessionId } from '../../protocol/identifiers.ts'
import type { Stamp } from '../../protocol/master-api.ts'
import type { LinkTarget, Name, XattrName } from '../../protocol/names.ts'
import { freshChunk, type IndexRange } from './chunks.ts'
import { encodeCounters } from './counters.ts'
import { Table, tableKey } from './keys.ts'
import type { ChunkRecord, Inode } from './records.ts'
import type { Store } from './store.ts'
import { openTables, type Tables } from './tables.ts'
import type { TailCut } from './tail-cuts.ts'
import type { Trashed } from './trash.ts'
import type { Trim } from './trims.ts'
import { StateView } from './view.ts'

export type { ChunkRecord, FileChunk, Inode } from './records.ts'
export type { Trashed } from './trash.ts'

/**
 * LMDB is written when so many keys have changed: of some fifty entries. A kill loses no more than that of it, and the journal
 * has them.
 */
const FRESH_KEYS_MAX = 512

/** Thrown by a change while the state may only be looked at: see {@link MasterState.wouldRefuse}. */
class WouldChange extends Error {}
const wouldChange = new WouldChange()

/** Is told of whatever clients may have in their caches. */
export interface Witness {
  attributesChanged(inode: InodeId): void
  entryChanged(parent: InodeId, name: Name): void
}

const nobody: Witness = { attributesChanged: () => {}, entryChanged: () => {} }

/** Everything the master knows for ever. Changed only by applying journal entries, read by everyone at any time. */
export class MasterState extends StateView {
  readonly #store: Store
  readonly #tables: Tables
  #looking = false
  #witness = nobody

  constructor(store: Store) {
    const tables = openTables(store)
    super(tables)
    this.#store = store
    this.#tables = tables
  }

  /** Tells `witness` of all that is changed from now on. */
  tell(witness: Witness): void {
    this.#witness = witness
  }

  /** Runs `apply`, which applies the entry of an index; entries come in their order. */
  advance<Result>(index: number, apply: () => Result): Result {
    const result = apply()
    this.#tables.counters.appliedIndex = index
    // Between entries, so that LMDB always has what an index says.
    if (this.#store.freshCount >= FRESH_KEYS_MAX) this.flush()
    return result
  }

  /** Writes to LMDB what has been applied: from here on neither a copy of it nor a start after a kill lacks any of that. */
  flush(): void {
    this.#store.put(tableKey(Table.counters), encodeCounters(this.#tables.counters))
    this.#store.flush()
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
    assert(inode >= this.nextInode || this.inode(inode) === undefined, 'the leader hands out each inode once')
    this.#tables.counters.inodeCount++
    this.#tables.counters.nextInode = Math.max(this.#tables.counters.nextInode, inode + 1)
    this.#tables.inodes.put(inode, record)
  }

  setInode(inode: InodeId, record: Inode): void {
    this.#change()
    this.#tables.inodes.put(inode, record)
    this.#witness.attributesChanged(inode)
  }

  /** With all that belongs to it; chunks and names have gone before. */
  removeInode(inode: InodeId): void {
    this.#change()
    const record = this.inode(inode)
    assert(record !== undefined, `inode ${inode} exists`)
    const { inodes, extras, orphans, names, tailCuts, counters } = this.#tables
    counters.inodeCount--
    inodes.remove(inode)
    if (record.hasXattrs) extras.removeXattrs(inode)
    if (record.type === 'symlink') extras.removeTarget(inode)
    if (record.type === 'directory') names.removeOfDirectory(inode)
    if (record.type !== 'file') return
    orphans.remove(inode)
    tailCuts.remove(inode)
  }

  setEntry(parent: InodeId, name: Name, inode: InodeId): void {
    this.#change()
    this.#tables.names.set(parent, name, inode)
    this.#witness.entryChanged(parent, name)
  }

  setDirectoryName(directory: InodeId, name: Name): void {
    this.#change()
    this.#tables.names.setOfDirectory(directory, name)
  }

  removeEntry(parent: InodeId, name: Name): void {
    this.#change()
    this.#tables.names.remove(parent, name)
    this.#witness.entryChanged(parent, name)
  }

  setTarget(inode: InodeId, target: LinkTarget): void {
    this.#change()
    this.#tables.extras.setTarget(inode, target)
  }

  setXattr(inode: InodeId, name: XattrName, value: Uint8Array): void {
    this.#change()
    this.#tables.extras.setXattr(inode, name, value)
  }

  removeXattr(inode: InodeId, name: XattrName): void {
    this.#change()
    this.#tables.extras.removeXattr(inode, name)
  }

  /**
   * The file's own record keeps count of its chunks: see {@link Inode.chunkCount}, which the caller sets.
   * @returns the chunk of a cut that was still on record there
   */
  addChunk(record: Omit<ChunkRecord, 'lossVersion'>): ChunkId | undefined {
    this.#change()
    const cut = this.#tables.chunks.hiddenAt(record.inode, record.index)
    if (cut !== undefined) this.removeChunk(record.inode, cut)
    this.#tables.counters.chunkCount++
    this.#tables.counters.nextChunk = Math.max(this.#tables.counters.nextChunk, record.chunk + 1)
    this.#tables.chunks.add(freshChunk(record))
    return cut?.chunk
  }

  /** Makes all chunks of a range vanish; {@link trimSome} removes them. */
  trim(inode: InodeId, range: IndexRange): void {
    this.#change()
    this.#tables.chunks.cut(inode, range, this.nextChunk)
  }

  /** Looks at so many chunks of a cut's range and removes those that are meant; with the last of them goes the cut. */
  trimSome(inode: InodeId, trim: Trim, limit: number): { seen: number, freed: ChunkId[] } {
    this.#change()
    const { seen, hidden } = this.#tables.chunks.takeCut(inode, trim, limit)
    for (const chunk of hidden) this.removeChunk(inode, chunk)
    return { seen, freed: hidden.map(({ chunk }) => chunk) }
  }

  setChunkVersion(chunk: ChunkId, version: ChunkVersion, { doubtful }: { doubtful: boolean }): void {
    this.#change()
    const record = this.chunk(chunk)
    assert(record !== undefined, `chunk ${String(chunk)} exists`)
    this.#tables.chunks.set({ ...record, version, ...(doubtful ? { lossVersion: version } : {}) })
  }

  removeChunk(inode: InodeId, { index, chunk }: { index: ChunkIndex, chunk: ChunkId }): void {
    this.#change()
    this.#tables.counters.chunkCount--
    this.#tables.chunks.remove(inode, { index, chunk })
    if (index === 0) this.setWritten(inode)
  }

  setUnwritten(inode: InodeId): void {
    this.#change()
    this.#tables.unwritten.add(inode)
  }

  setWritten(inode: InodeId): void {
    this.#change()
    this.#tables.unwritten.remove(inode)
  }

  setTailCut(inode: InodeId, cut: TailCut): void {
    this.#change()
    this.#tables.tailCuts.set(inode, cut)
  }

  setDraining(server: ServerId, draining: boolean): void {
    this.#change()
    if (draining) this.#tables.draining.add(server)
    else this.#tables.draining.remove(server)
  }

  addOrphan(inode: InodeId): void {
    this.#change()
    this.#tables.orphans.add(inode)
  }

  addToTrash(inode: InodeId, trashed: Trashed): void {
    this.#change()
    this.#tables.counters.trashFiles++
    this.#tables.counters.trashBytes += trashed.sizeBytes
    this.#tables.trash.add(inode, trashed)
  }

  /** For good, or back to a name. */
  takeFromTrash(inode: InodeId): void {
    this.#change()
    const trashed = this.#tables.trash.get(inode)
    assert(trashed !== undefined, `inode ${String(inode)} is in the trash`)
    this.#tables.counters.trashFiles--
    this.#tables.counters.trashBytes -= trashed.sizeBytes
    this.#tables.trash.remove(inode, trashed)
  }

  addSession(session: SessionId): void {
    this.#change()
    this.#tables.counters.sessionCount++
    this.#tables.counters.nextSession = Math.max(this.#tables.counters.nextSession, session + 1)
    this.#tables.sessions.add(session)
  }

  removeSession(session: SessionId): void {
    this.#change()
    this.#tables.counters.sessionCount--
    this.#tables.sessions.remove(session)
    this.#tables.remembered.forgetSession(session)
  }

  remember(stamp: Stamp, result: Buffer): void {
    this.#change()
    this.#tables.remembered.put(stamp, result)
  }

  raiseVersionBound(upTo: ChunkVersion): void {
    this.#change()
    this.#tables.counters.versionBound = Math.max(this.#tables.counters.versionBound, upTo)
  }

  #change(): void {
    if (this.#looking) throw wouldChange
  }
}
