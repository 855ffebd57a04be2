import type { Attributes } from '../protocol/attributes.ts'
import type { InodeId } from '../protocol/identifiers.ts'

/** Tells the kernel to forget. */
export interface Invalidator {
  /** Cached attributes; safe while an operation on the inode is being answered. */
  attributes(inode: InodeId): void
  /** Cached attributes and contents; resolves when they are gone. Waits for reads of the inode to be answered. */
  contents(inode: InodeId): Promise<void>
}

interface Node {
  /** How often the kernel has been told of the inode and has not forgotten it. */
  lookups: number
  /** Version of the contents that the kernel's attributes were last taken from. */
  toldVersion: number | undefined
  /** Version of the contents that the kernel's cached pages are good for; none before the first open. */
  pagesVersion: number | undefined
  /** This mount has written since `pagesVersion`: the pages have the bytes, under a version not known here yet. */
  written: boolean
  /** The file ends no earlier than this as the kernel sees it: what is longer was grown by others. */
  endBytes: number
  /** Handles that may write. */
  writers: number
  opens: number
}

/**
 * What the kernel knows of each inode: how often it was looked up, and which version of the contents its page cache holds.
 * Changes made through this mount are in the page cache already and must not empty it; changes by others must.
 */
export class KernelCache {
  readonly #nodes = new Map<InodeId, Node>()
  readonly #invalidator: Invalidator

  constructor(invalidator: Invalidator) {
    this.#invalidator = invalidator
  }

  /** Inodes that the kernel remembers. */
  get count(): number {
    return this.#nodes.size
  }

  lookups(inode: InodeId): number {
    return this.#nodes.get(inode)?.lookups ?? 0
  }

  /** An answer with an entry goes out when this resolves: the kernel holds the inode once more. */
  looked(attributes: Attributes): Promise<void> | undefined {
    this.#node(attributes.inode).lookups++
    return this.told(attributes)
  }

  /** The kernel lets go of the inode `count` times. */
  forget(inode: InodeId, count: number): void {
    const node = this.#nodes.get(inode)
    if (node === undefined) return
    node.lookups = Math.max(0, node.lookups - count)
    this.#drop(inode, node)
  }

  /**
   * Attributes go out to the kernel when this resolves. Pages that others have made stale are gone by then: with the new
   * size and an old last page, a reader would see zeros in place of what was appended.
   */
  told({ inode, type, contentVersion, sizeBytes }: Attributes): Promise<void> | undefined {
    if (type !== 'file') return undefined
    const node = this.#nodes.get(inode)
    if (node === undefined) return undefined
    const grownByOthers = sizeBytes > node.endBytes
    node.toldVersion = contentVersion
    node.endBytes = sizeBytes
    if (node.pagesVersion === undefined || node.pagesVersion === contentVersion) return undefined
    if (node.written && !grownByOthers) return undefined
    if (!node.written) node.pagesVersion = contentVersion
    return this.#invalidator.contents(inode)
  }

  /** A file was opened; says whether the pages that the kernel has are still good. */
  opened({ inode, contentVersion, sizeBytes }: Attributes, { writable }: { writable: boolean }): 'keep' | 'drop' {
    const node = this.#node(inode)
    // One rise, and this mount has written and handed everything over: nobody else changed anything.
    const onlyOurs = node.written && node.writers === 0 && node.pagesVersion !== undefined
      && contentVersion === node.pagesVersion + 1
    const good = contentVersion === node.pagesVersion || onlyOurs
    // The kernel's idea of the size may be older than this open, and hide what another mount appended.
    if (node.toldVersion !== undefined && node.toldVersion !== contentVersion) this.#invalidator.attributes(inode)
    node.toldVersion = contentVersion
    node.pagesVersion = contentVersion
    node.endBytes = sizeBytes
    if (node.writers === 0) node.written = false
    node.opens++
    if (writable) node.writers++
    return good ? 'keep' : 'drop'
  }

  /** This mount changes the contents, up to `endBytes` of the file. */
  written(inode: InodeId, endBytes: number): void {
    const node = this.#nodes.get(inode)
    if (node === undefined) return
    node.written = true
    node.endBytes = Math.max(node.endBytes, endBytes)
  }

  closed(inode: InodeId, { writable }: { writable: boolean }): void {
    const node = this.#nodes.get(inode)
    if (node === undefined) return
    node.opens--
    if (writable) node.writers--
    this.#drop(inode, node)
  }

  #node(inode: InodeId): Node {
    let node = this.#nodes.get(inode)
    if (node === undefined) {
      node = {
        lookups: 0, toldVersion: undefined, pagesVersion: undefined, written: false, endBytes: 0, writers: 0, opens: 0,
      }
      this.#nodes.set(inode, node)
    }
    return node
  }

  #drop(inode: InodeId, node: Node): void {
    if (node.lookups === 0 && node.opens === 0) this.#nodes.delete(inode)
  }
}
