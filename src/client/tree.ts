import type { Attributes, Caller } from '../protocol/attributes.ts'
import type { InodeId } from '../protocol/identifiers.ts'
import type { LinkTarget, Name, XattrName } from '../protocol/names.ts'
import type {
  AttributeChanges, DirectoryPage, FileSystem, NewNode, OpenFile, OpenOptions, RenameMode, Totals,
} from './file-system.ts'
import type { Files } from './files/files.ts'
import type { Namespace } from './metadata/namespace.ts'

/** The file system from some directory on: names and attributes from one side, open files from the other. */
export class Tree implements FileSystem {
  readonly root: InodeId
  readonly cacheMs: number
  readonly #namespace: Namespace
  readonly #files: Files

  constructor(parts: { root: InodeId, cacheMs: number, namespace: Namespace, files: Files }) {
    this.root = parts.root
    this.cacheMs = parts.cacheMs
    this.#namespace = parts.namespace
    this.#files = parts.files
  }

  knownEntry(parent: InodeId, name: Name, caller: Caller): Attributes | undefined {
    return this.#namespace.knownEntry(parent, name, caller)
  }

  lookup(parent: InodeId, name: Name, caller: Caller): Promise<Attributes> {
    return this.#namespace.lookup(parent, name, caller)
  }

  knownAttributes(inode: InodeId): Attributes | undefined {
    return this.#namespace.knownAttributes(inode)
  }

  attributes(inode: InodeId): Promise<Attributes> {
    return this.#namespace.attributes(inode)
  }

  async setAttributes(inode: InodeId, changes: AttributeChanges, caller: Caller): Promise<Attributes> {
    const { sizeBytes, ...others } = changes
    await this.#files.settle(inode)
    return sizeBytes === undefined
      ? this.#namespace.setAttributes(inode, others, caller)
      : this.#files.resize(inode, sizeBytes, others, caller)
  }

  make(parent: InodeId, name: Name, node: NewNode, caller: Caller): Promise<Attributes> {
    return this.#namespace.make(parent, name, node, caller)
  }

  link(inode: InodeId, parent: InodeId, name: Name, caller: Caller): Promise<Attributes> {
    return this.#namespace.link(inode, parent, name, caller)
  }

  unlink(parent: InodeId, name: Name, caller: Caller): Promise<void> {
    return this.#namespace.unlink(parent, name, caller)
  }

  removeDirectory(parent: InodeId, name: Name, caller: Caller): Promise<void> {
    return this.#namespace.removeDirectory(parent, name, caller)
  }

  rename(
    from: { parent: InodeId, name: Name }, to: { parent: InodeId, name: Name }, mode: RenameMode, caller: Caller,
  ): Promise<void> {
    return this.#namespace.rename(from, to, mode, caller)
  }

  readLink(inode: InodeId): Promise<LinkTarget> {
    return this.#namespace.readLink(inode)
  }

  readDirectory(inode: InodeId, after: Name | undefined, limit: number, caller: Caller): Promise<DirectoryPage> {
    return this.#namespace.readDirectory(inode, after, limit, caller)
  }

  parentOf(directory: InodeId): Promise<InodeId> {
    return directory === this.root ? Promise.resolve(this.root) : this.#namespace.parentOf(directory)
  }

  getXattr(inode: InodeId, name: XattrName, caller: Caller): Promise<Buffer> {
    return this.#namespace.getXattr(inode, name, caller)
  }

  listXattrs(inode: InodeId): Promise<XattrName[]> {
    return this.#namespace.listXattrs(inode)
  }

  setXattr(
    inode: InodeId, name: XattrName, value: Uint8Array, mode: 'any' | 'create' | 'replace', caller: Caller,
  ): Promise<void> {
    return this.#namespace.setXattr(inode, name, value, mode, caller)
  }

  removeXattr(inode: InodeId, name: XattrName, caller: Caller): Promise<void> {
    return this.#namespace.removeXattr(inode, name, caller)
  }

  open(inode: InodeId, options: OpenOptions, caller: Caller): Promise<OpenFile> {
    return this.#files.open(inode, options, caller)
  }

  create(
    parent: InodeId, name: Name, mode: number, options: OpenOptions & { exclusive: boolean }, caller: Caller,
  ): Promise<OpenFile> {
    return this.#files.create(parent, name, mode, options, caller)
  }

  totals(): Promise<Totals> {
    return this.#namespace.totals()
  }
}
