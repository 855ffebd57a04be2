import type { Attributes, Caller } from '../protocol/attributes.ts'
import type { InodeId } from '../protocol/identifiers.ts'
import type { LinkTarget, Name, XattrName } from '../protocol/names.ts'

/** An attribute change; what is absent stays. 'now' is the master's clock. */
export interface AttributeChanges {
  mode?: number
  uid?: number
  gid?: number
  sizeBytes?: number
  accessedNs?: bigint | 'now'
  modifiedNs?: bigint | 'now'
}

export interface OpenOptions {
  read: boolean
  write: boolean
  /** Every write goes to the end of the file, wherever other clients have moved it. */
  append?: boolean
  /** Empties the file. */
  truncate?: boolean
}

/** What a new inode is; the owner is the caller, the group the caller's or that of a setgid directory. */
export type NewNode =
  | { type: 'file' | 'directory' | 'fifo' | 'socket', mode: number }
  | { type: 'character-device' | 'block-device', mode: number, device: number }
  | { type: 'symlink', target: LinkTarget }

export interface DirectoryEntry {
  name: Name
  attributes: Attributes
  /** Where the listing goes on behind this entry. */
  cursor: Name
}

export interface DirectoryPage {
  entries: DirectoryEntry[]
  /** No entry comes behind these. */
  complete: boolean
}

export type RenameMode = 'replace' | 'no-replace' | 'exchange'

export interface Totals {
  totalBytes: number
  freeBytes: number
  files: number
}

/**
 * The file system as the kernel adapter, the commands and programs see it: inodes and open files. All methods reject
 * with DfsError. Permissions are the caller's. Names, targets and attribute names are bytes (see protocol/names.ts).
 * Attributes may be up to the stated cache time old (1 s) except after `open`, which asks the master; they include
 * what this client has written and not sent yet.
 */
export interface FileSystem {
  readonly root: InodeId
  /**
   * How long attributes and entries may be kept by those above, in ms: half of the stated bound, since what they are given
   * may be that old already.
   */
  readonly cacheMs: number
  /** What {@link lookup} would find, where nobody need be asked. @throws DfsError 'no-such-entry' known to be missing */
  knownEntry(parent: InodeId, name: Name, caller: Caller): Attributes | undefined
  lookup(parent: InodeId, name: Name, caller: Caller): Promise<Attributes>
  /** What {@link attributes} would give, where nobody need be asked. */
  knownAttributes(inode: InodeId): Attributes | undefined
  attributes(inode: InodeId): Promise<Attributes>
  setAttributes(inode: InodeId, changes: AttributeChanges, caller: Caller): Promise<Attributes>
  /** Makes any node. @throws DfsError 'already-exists' */
  make(parent: InodeId, name: Name, node: NewNode, caller: Caller): Promise<Attributes>
  link(inode: InodeId, parent: InodeId, name: Name, caller: Caller): Promise<Attributes>
  unlink(parent: InodeId, name: Name, caller: Caller): Promise<void>
  removeDirectory(parent: InodeId, name: Name, caller: Caller): Promise<void>
  rename(
    from: { parent: InodeId, name: Name }, to: { parent: InodeId, name: Name }, mode: RenameMode, caller: Caller,
  ): Promise<void>
  readLink(inode: InodeId): Promise<LinkTarget>
  /** Entries in an order that stays while the directory changes, from behind `after`; no "." and "..". */
  readDirectory(inode: InodeId, after: Name | undefined, limit: number, caller: Caller): Promise<DirectoryPage>
  parentOf(directory: InodeId): Promise<InodeId>
  getXattr(inode: InodeId, name: XattrName, caller: Caller): Promise<Buffer>
  listXattrs(inode: InodeId): Promise<XattrName[]>
  setXattr(
    inode: InodeId, name: XattrName, value: Uint8Array, mode: 'any' | 'create' | 'replace', caller: Caller,
  ): Promise<void>
  removeXattr(inode: InodeId, name: XattrName, caller: Caller): Promise<void>
  open(inode: InodeId, options: OpenOptions, caller: Caller): Promise<OpenFile>
  /**
   * Opens the file, made first where it is missing.
   * @param mode permission bits of a new file @param exclusive fails with 'already-exists' where there is one
   */
  create(
    parent: InodeId, name: Name, mode: number, options: OpenOptions & { exclusive: boolean }, caller: Caller,
  ): Promise<OpenFile>
  totals(): Promise<Totals>
}

/** Bytes that may turn into others once they have been given back. Who never gives them back may keep them. */
export interface LentBytes {
  readonly parts: readonly Uint8Array[]
  readonly giveBack: () => void
}

/** One open of one file. */
export interface OpenFile {
  readonly inode: InodeId
  /** As they were when it was opened. */
  readonly attributes: Attributes
  /** Fewer bytes than asked for only at the end of the file; the buffers follow one another, to be read, not to be changed. */
  read(offsetBytes: number, lengthBytes: number): Promise<readonly Uint8Array[]>
  /** As read, for whoever says when he no longer needs the bytes: their memory is used again then. */
  lend(offsetBytes: number, lengthBytes: number): Promise<LentBytes>
  /**
   * Takes the bytes over; they need not have left when this resolves. The buffer may be used again after it has.
   * A background write that failed rejects here, in `flush` or in `sync`, once.
   * With `append` the offset means nothing.
   */
  write(offsetBytes: number, data: Uint8Array): Promise<void>
  /** Every replica has what was written, and the master the size. */
  flush(): Promise<void>
  /** Every replica has what was written on stable storage, and the master has journalled the size. */
  sync(): Promise<void>
  truncate(sizeBytes: number): Promise<void>
  /** As fallocate(2): 'extend' grows the size, 'reserve' keeps it, 'zero' and 'punch' make zeros ('zero' may grow). */
  allocate(
    kind: 'extend' | 'reserve' | 'zero' | 'zero-keep-size' | 'punch', offsetBytes: number, lengthBytes: number,
  ): Promise<void>
  /** Next data or hole at or behind the offset. @throws DfsError 'no-data-there' */
  seek(kind: 'data' | 'hole', offsetBytes: number): Promise<number>
  /** Flushes and lets go. What it rejects with has been lost; the handle is gone all the same. */
  close(): Promise<void>
}
