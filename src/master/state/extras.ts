import type { InodeId } from '../../protocol/identifiers.ts'
import type { LinkTarget, XattrName } from '../../protocol/names.ts'
import { idKey, nameIn, nameKey, Table } from './keys.ts'
import type { Store } from './store.ts'

/** What only few inodes have: extended attributes, and the target of a symbolic link. */
export class Extras {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
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

  setXattr(inode: InodeId, name: XattrName, value: Uint8Array): void {
    this.#store.put(nameKey(Table.xattr, inode, name), Buffer.from(value))
  }

  removeXattr(inode: InodeId, name: XattrName): void {
    this.#store.remove(nameKey(Table.xattr, inode, name))
  }

  setTarget(inode: InodeId, target: LinkTarget): void {
    this.#store.put(idKey(Table.target, inode), Buffer.from(target, 'latin1'))
  }

  removeXattrs(inode: InodeId): void {
    for (const name of this.xattrsOf(inode)) this.removeXattr(inode, name)
  }

  removeTarget(inode: InodeId): void {
    this.#store.remove(idKey(Table.target, inode))
  }
}
