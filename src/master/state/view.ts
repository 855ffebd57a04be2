import type {
  ChunkId, ChunkIndex, ChunkVersion, InodeId, ServerId, SessionId,
} from '../../protocol/identifiers.ts'
import type { Stamp } from '../../protocol/master-api.ts'
import type { LinkTarget, Name, XattrName } from '../../protocol/names.ts'
import type { IndexRange } from './chunks.ts'
import type { ChunkRecord, FileChunk, Inode, Sizes } from './records.ts'
import type { Tables } from './tables.ts'
import type { TailCut } from './tail-cuts.ts'
import type { TrashTable } from './trash.ts'
import type { Trim } from './trims.ts'

/** What the master knows for ever, to be looked at. */
export class StateView {
  readonly #tables: Tables

  constructor(tables: Tables) {
    this.#tables = tables
  }

  inode(inode: InodeId): Inode | undefined {
    return this.#tables.inodes.get(inode)
  }

  /** The record of a regular file; none for anything else. */
  fileOf(inode: InodeId): Inode | undefined {
    const found = this.inode(inode)
    return found?.type === 'file' ? found : undefined
  }

  /** Part of what {@link inode} gives, for whoever looks at one after the other. */
  sizesOf(inode: InodeId): Sizes | undefined {
    return this.#tables.inodes.sizesOf(inode)
  }

  entry(parent: InodeId, name: Name): InodeId | undefined {
    return this.#tables.names.get(parent, name)
  }

  /** Names in a directory behind `after`, in the order of their bytes. */
  entriesOf(parent: InodeId, after: Name | undefined, limit: number): { name: Name, inode: InodeId }[] {
    return this.#tables.names.of(parent, after, limit)
  }

  /** Where a chunk belongs; none when it was freed or never was. */
  chunk(chunk: ChunkId): ChunkRecord | undefined {
    return this.#tables.chunks.get(chunk)
  }

  chunkAt(inode: InodeId, index: ChunkIndex): ChunkRecord | undefined {
    return this.#tables.chunks.at(inode, index)
  }

  /** The chunks a file has among indexes `first` to `first + count - 1`, in order; holes are left out. */
  chunksOf(inode: InodeId, first: ChunkIndex, count: number, limit = Infinity): FileChunk[] {
    return this.#tables.chunks.of(inode, { first, end: first + count }, limit)
  }

  /** How many chunks a file has in a range. */
  countChunks(inode: InodeId, range: IndexRange): number {
    return this.#tables.chunks.count(inode, range)
  }

  /** Cuts whose chunks are still to be removed. */
  trimsOf(inode: InodeId): readonly Trim[] {
    return this.#tables.chunks.cutsOf(inode)
  }

  /** Files with such cuts. */
  trimmed(): InodeId[] {
    return this.#tables.chunks.cutFiles()
  }

  /** Whether the file's first chunk was made with it, and nobody has said that there are bytes in it. */
  isUnwritten(inode: InodeId): boolean {
    return this.#tables.unwritten.has(inode)
  }

  /** All such files. */
  unwritten(): InodeId[] {
    return this.#tables.unwritten.all()
  }

  /** What was last given up behind the end of a file. */
  tailCutOf(inode: InodeId): TailCut | undefined {
    return this.#tables.tailCuts.of(inode)
  }

  /** All chunks, in the order of their ids; a chunk freed meanwhile may still come. */
  eachChunk(): Iterable<ChunkRecord> {
    return this.#tables.chunks.each()
  }

  xattr(inode: InodeId, name: XattrName): Uint8Array<ArrayBuffer> | undefined {
    return this.#tables.extras.xattr(inode, name)
  }

  xattrsOf(inode: InodeId): XattrName[] {
    return this.#tables.extras.xattrsOf(inode)
  }

  target(inode: InodeId): LinkTarget | undefined {
    return this.#tables.extras.target(inode)
  }

  /** Files without a name that somebody may have open. */
  orphans(): InodeId[] {
    return this.#tables.orphans.all()
  }

  /** Whether the file has no name and is not in the trash either: it goes when nobody has it open. */
  isOrphan(inode: InodeId): boolean {
    return this.#tables.orphans.has(inode)
  }

  /** What a directory is called in the one it is in; the root has no name. */
  directoryName(directory: InodeId): Name | undefined {
    return this.#tables.names.ofDirectory(directory)
  }

  /** Files that were removed and can still be brought back: to be looked at only. */
  get trash(): Pick<TrashTable, 'get' | 'has' | 'due' | 'nextDueMs' | 'find'> {
    return this.#tables.trash
  }

  hasSession(session: SessionId): boolean {
    return this.#tables.sessions.has(session)
  }

  sessions(): SessionId[] {
    return this.#tables.sessions.all()
  }

  /** The answer a mutation got when it first came; `null` when that is forgotten because the client has it. */
  rememberedResult({ session, sequence }: Pick<Stamp, 'session' | 'sequence'>): Buffer | null | undefined {
    const { remembered } = this.#tables
    return remembered.get(session, sequence) ?? (remembered.isOutdated(session, sequence) ? null : undefined)
  }

  /** Servers that are to lose all that they have. */
  draining(): ServerId[] {
    return this.#tables.draining.all()
  }

  get appliedIndex(): number { return this.#tables.counters.appliedIndex }
  get nextInode(): InodeId { return this.#tables.counters.nextInode as InodeId }
  /** No chunk has had this id, nor a larger one. */
  get nextChunk(): ChunkId { return this.#tables.counters.nextChunk as ChunkId }
  get nextSession(): SessionId { return this.#tables.counters.nextSession as SessionId }
  /** Versions from this one on have never been handed out. */
  get versionBound(): ChunkVersion { return this.#tables.counters.versionBound as ChunkVersion }
  get chunkCount(): number { return this.#tables.counters.chunkCount }
  get inodeCount(): number { return this.#tables.counters.inodeCount }
  get sessionCount(): number { return this.#tables.counters.sessionCount }
  get trashFiles(): number { return this.#tables.counters.trashFiles }
  /** Of the files as they were when they were removed. */
  get trashBytes(): number { return this.#tables.counters.trashBytes }
}
