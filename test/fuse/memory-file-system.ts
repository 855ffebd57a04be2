import type {
  AttributeChanges, DirectoryPage, FileSystem, NewNode, OpenFile, OpenOptions, RenameMode, Totals,
} from '../../src/client/file-system.ts'
import type { Attributes, Caller } from '../../src/protocol/attributes.ts'
import { DfsError } from '../../src/protocol/errors.ts'
import { ROOT_INODE, type InodeId } from '../../src/protocol/identifiers.ts'
import type { LinkTarget, Name, XattrName } from '../../src/protocol/names.ts'
import { attempt, MemoryFile } from './memory-file.ts'

/** An inode in memory. */
export interface MemoryNode {
  attributes: Attributes
  bytes: Buffer
  target: LinkTarget
  entries: Map<Name, InodeId>
  parent: InodeId
  xattrs: Map<XattrName, Buffer>
  opens: number
}

const S_ISGID = 0o2000

/**
 * A whole file system in memory, for tests of what lies above the client: links, orphans, renames, attributes and times as
 * POSIX has them. It checks no permissions: the kernel does.
 */
export class MemoryFileSystem implements FileSystem {
  readonly root: InodeId = ROOT_INODE
  readonly cacheMs: number
  readonly nodes = new Map<InodeId, MemoryNode>()
  #lastInode: number = ROOT_INODE
  #lastNs = 0n

  constructor({ cacheMs = 1_000 }: { cacheMs?: number } = {}) {
    this.cacheMs = cacheMs
    const root = this.#add(this.root, { type: 'directory', mode: 0o755 }, { uid: 0, gid: 0, groups: [] }, this.root)
    root.attributes.links = 2
  }

  /** Time never stands still between two changes, so that each can be seen. */
  now(): bigint {
    const ns = BigInt(Date.now()) * 1_000_000n
    this.#lastNs = ns > this.#lastNs ? ns : this.#lastNs + 1n
    return this.#lastNs
  }

  node(inode: InodeId): MemoryNode {
    const node = this.nodes.get(inode)
    if (node === undefined) throw new DfsError('stale-handle', `inode ${String(inode)} is gone`)
    return node
  }

  knownEntry(): undefined {}

  lookup(parent: InodeId, name: Name): Promise<Attributes> {
    return attempt(() => ({ ...this.#entry(parent, name).attributes }))
  }

  knownAttributes(): undefined {}

  attributes(inode: InodeId): Promise<Attributes> {
    return attempt(() => ({ ...this.node(inode).attributes }))
  }

  setAttributes(inode: InodeId, changes: AttributeChanges): Promise<Attributes> {
    return attempt(() => {
      const node = this.node(inode)
      if (changes.sizeBytes !== undefined) this.resize(node, changes.sizeBytes)
      const { attributes } = node
      if (changes.mode !== undefined) attributes.mode = changes.mode
      attributes.uid = changes.uid ?? attributes.uid
      attributes.gid = changes.gid ?? attributes.gid
      const now = this.now()
      if (changes.accessedNs !== undefined) attributes.accessedNs = changes.accessedNs === 'now' ? now : changes.accessedNs
      if (changes.modifiedNs !== undefined) attributes.modifiedNs = changes.modifiedNs === 'now' ? now : changes.modifiedNs
      attributes.changedNs = now
      return { ...attributes }
    })
  }

  make(parent: InodeId, name: Name, node: NewNode, caller: Caller): Promise<Attributes> {
    return attempt(() => {
      const directory = this.#directory(parent)
      if (directory.entries.has(name)) throw new DfsError('already-exists', name)
      const made = this.#add(undefined, node, caller, parent)
      if ((directory.attributes.mode & S_ISGID) !== 0) {
        made.attributes.gid = directory.attributes.gid
        if (node.type === 'directory') made.attributes.mode |= S_ISGID
      }
      directory.entries.set(name, made.attributes.inode)
      if (node.type === 'directory') directory.attributes.links++
      this.#touch(directory)
      return { ...made.attributes }
    })
  }

  link(inode: InodeId, parent: InodeId, name: Name): Promise<Attributes> {
    return attempt(() => {
      const node = this.node(inode)
      const directory = this.#directory(parent)
      if (directory.entries.has(name)) throw new DfsError('already-exists', name)
      directory.entries.set(name, inode)
      node.attributes.links++
      node.attributes.changedNs = this.now()
      this.#touch(directory)
      return { ...node.attributes }
    })
  }

  unlink(parent: InodeId, name: Name): Promise<void> {
    return attempt(() => {
      if (this.#entry(parent, name).attributes.type === 'directory') throw new DfsError('is-a-directory', name)
      this.#remove(parent, name)
    })
  }

  removeDirectory(parent: InodeId, name: Name): Promise<void> {
    return attempt(() => {
      const node = this.#entry(parent, name)
      if (node.attributes.type !== 'directory') throw new DfsError('not-a-directory', name)
      if (node.entries.size > 0) throw new DfsError('not-empty', name)
      this.#remove(parent, name)
    })
  }

  rename(
    from: { parent: InodeId, name: Name }, to: { parent: InodeId, name: Name }, mode: RenameMode,
  ): Promise<void> {
    return attempt(() => {
      const moved = this.#entry(from.parent, from.name)
      const target = this.#directory(to.parent).entries.get(to.name)
      const other = target === undefined ? undefined : this.node(target)
      if (mode === 'no-replace' && other !== undefined) throw new DfsError('already-exists', to.name)
      if (mode === 'exchange') {
        if (other === undefined) throw new DfsError('no-such-entry', to.name)
        this.#put(from, other)
        this.#put(to, moved)
        return
      }
      if (other === moved) return
      if (other !== undefined) {
        if (other.attributes.type === 'directory' && other.entries.size > 0) throw new DfsError('not-empty', to.name)
        this.#remove(to.parent, to.name)
      }
      this.#directory(from.parent).entries.delete(from.name)
      this.#touch(this.#directory(from.parent))
      this.#put(to, moved)
    })
  }

  readLink(inode: InodeId): Promise<LinkTarget> {
    return attempt(() => this.node(inode).target)
  }

  readDirectory(inode: InodeId, after: Name | undefined, limit: number): Promise<DirectoryPage> {
    return attempt(() => {
      const names = [...this.#directory(inode).entries.keys()].sort().filter(name => after === undefined || name > after)
      return {
        complete: names.length <= limit,
        entries: names.slice(0, limit).map(name =>
          ({ name, cursor: name, attributes: { ...this.#entry(inode, name).attributes } })),
      }
    })
  }

  parentOf(directory: InodeId): Promise<InodeId> {
    return attempt(() => this.#directory(directory).parent)
  }

  getXattr(inode: InodeId, name: XattrName): Promise<Buffer> {
    return attempt(() => {
      const value = this.node(inode).xattrs.get(name)
      if (value === undefined) throw new DfsError('no-such-attribute', name)
      return value
    })
  }

  listXattrs(inode: InodeId): Promise<XattrName[]> {
    return attempt(() => [...this.node(inode).xattrs.keys()])
  }

  setXattr(inode: InodeId, name: XattrName, value: Uint8Array, mode: 'any' | 'create' | 'replace'): Promise<void> {
    return attempt(() => {
      const { xattrs, attributes } = this.node(inode)
      if (mode === 'create' && xattrs.has(name)) throw new DfsError('already-exists', name)
      if (mode === 'replace' && !xattrs.has(name)) throw new DfsError('no-such-attribute', name)
      xattrs.set(name, Buffer.from(value))
      attributes.changedNs = this.now()
    })
  }

  removeXattr(inode: InodeId, name: XattrName): Promise<void> {
    return attempt(() => {
      if (!this.node(inode).xattrs.delete(name)) throw new DfsError('no-such-attribute', name)
    })
  }

  open(inode: InodeId, options: OpenOptions): Promise<OpenFile> {
    return attempt(() => {
      const node = this.node(inode)
      if (options.truncate === true) this.resize(node, 0)
      node.opens++
      return new MemoryFile(this, node, options)
    })
  }

  async create(
    parent: InodeId, name: Name, mode: number, options: OpenOptions & { exclusive: boolean }, caller: Caller,
  ): Promise<OpenFile> {
    const existing = this.#directory(parent).entries.get(name)
    if (existing !== undefined && options.exclusive) throw new DfsError('already-exists', name)
    return this.open(existing ?? (await this.make(parent, name, { type: 'file', mode }, caller)).inode, options)
  }

  totals(): Promise<Totals> {
    return Promise.resolve({ totalBytes: 2 ** 40, freeBytes: 2 ** 39, files: this.nodes.size })
  }

  /** Sets the size; the bytes up to it that were not there are zeros. */
  resize(node: MemoryNode, sizeBytes: number): void {
    const { attributes } = node
    if (sizeBytes < node.bytes.length) node.bytes = Buffer.from(node.bytes.subarray(0, sizeBytes))
    else if (sizeBytes > node.bytes.length) {
      const bigger = Buffer.alloc(sizeBytes)
      node.bytes.copy(bigger)
      node.bytes = bigger
    }
    attributes.sizeBytes = sizeBytes
    attributes.allocatedBytes = sizeBytes
    this.changed(node)
  }

  /** The contents are other ones now. */
  changed({ attributes }: MemoryNode): void {
    attributes.contentVersion++
    attributes.modifiedNs = this.now()
    attributes.changedNs = attributes.modifiedNs
  }

  closed(node: MemoryNode): void {
    node.opens--
    this.#forgetIfGone(node)
  }

  #add(inode: InodeId | undefined, made: NewNode, caller: Caller, parent: InodeId): MemoryNode {
    if (inode === undefined) this.#lastInode++
    const now = this.now()
    const target = made.type === 'symlink' ? made.target : '' as LinkTarget
    const node: MemoryNode = {
      attributes: {
        inode: inode ?? this.#lastInode as InodeId, type: made.type, mode: made.type === 'symlink' ? 0o777 : made.mode,
        links: made.type === 'directory' ? 2 : 1, uid: caller.uid, gid: caller.gid,
        device: 'device' in made ? made.device : 0, sizeBytes: target.length, allocatedBytes: 0,
        accessedNs: now, modifiedNs: now, changedNs: now, contentVersion: 1, chunkSizeBytes: 64 * 1024,
        hasXattrs: false,
      },
      bytes: Buffer.alloc(0), target, entries: new Map(), parent, xattrs: new Map(), opens: 0,
    }
    this.nodes.set(node.attributes.inode, node)
    return node
  }

  #directory(inode: InodeId): MemoryNode {
    const node = this.node(inode)
    if (node.attributes.type !== 'directory') throw new DfsError('not-a-directory', String(inode))
    return node
  }

  #entry(parent: InodeId, name: Name): MemoryNode {
    const inode = this.#directory(parent).entries.get(name)
    if (inode === undefined) throw new DfsError('no-such-entry', name)
    return this.node(inode)
  }

  /** Makes a name of an inode that has one less elsewhere. */
  #put({ parent, name }: { parent: InodeId, name: Name }, node: MemoryNode): void {
    const directory = this.#directory(parent)
    directory.entries.set(name, node.attributes.inode)
    if (node.attributes.type === 'directory') {
      this.#directory(node.parent).attributes.links--
      directory.attributes.links++
      node.parent = parent
    }
    node.attributes.changedNs = this.now()
    this.#touch(directory)
  }

  #remove(parent: InodeId, name: Name): void {
    const node = this.#entry(parent, name)
    const directory = this.#directory(parent)
    directory.entries.delete(name)
    if (node.attributes.type === 'directory') {
      directory.attributes.links--
      node.attributes.links = 0
    } else {
      node.attributes.links--
    }
    node.attributes.changedNs = this.now()
    this.#touch(directory)
    this.#forgetIfGone(node)
  }

  #touch({ attributes }: MemoryNode): void {
    attributes.modifiedNs = this.now()
    attributes.changedNs = attributes.modifiedNs
  }

  #forgetIfGone(node: MemoryNode): void {
    if (node.attributes.links === 0 && node.opens === 0) this.nodes.delete(node.attributes.inode)
  }
}
