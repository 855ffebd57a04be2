import type { Attributes, Caller } from '../../protocol/attributes.ts'
import type { ChunkLease, ChunkLocation } from '../../protocol/chunks.ts'
import { DfsError } from '../../protocol/errors.ts'
import type { InodeId } from '../../protocol/identifiers.ts'
import type { Name } from '../../protocol/names.ts'
import { allDone } from '../all-done.ts'
import type { AttributeChanges, OpenFile, OpenOptions } from '../file-system.ts'
import type { Unsent } from '../metadata/namespace.ts'
import { Handle } from './handle.ts'
import { OpenInode, type OpenInodeParts } from './open-inode.ts'

/** The files this client has open. */
export class Files {
  readonly #parts: OpenInodeParts
  readonly #open = new Map<InodeId, OpenInode>()
  readonly #handles = new Set<Handle>()

  constructor(parts: OpenInodeParts) {
    this.#parts = parts
  }

  /** What attributes from the master lack. Where they tell that others have changed an open file, it learns so. */
  unsentOf(attributes: Attributes): Unsent | undefined {
    const file = this.#open.get(attributes.inode)
    if (file !== undefined && attributes.contentVersion > file.contents.contentVersion) file.refresh(attributes)
    return file?.contents.unsent
  }

  /** Asks the master, so that what others closed before is seen. */
  async open(inode: InodeId, options: OpenOptions, caller: Caller): Promise<OpenFile> {
    const { handle, file } = await this.#openAt(inode, options, caller)
    if (options.truncate !== true) return handle
    handle.attributes = await this.#orClosed(handle, () => file.truncate(0, caller))
    return handle
  }

  async create(
    parent: InodeId, name: Name, mode: number, options: OpenOptions & { exclusive: boolean }, caller: Caller,
  ): Promise<OpenFile> {
    const { read, write, truncate = false, exclusive } = options
    let lease: ChunkLease | undefined
    const attributes = await this.#parts.namespace.created(parent, name, async () => {
      const { lease: offer, ...made } = await this.#parts.session.create(
        { caller, parent, name, mode, exclusive, read, write, truncate })
      lease = offer
      return made
    })
    const wasOpen = this.#open.has(attributes.inode)
    const file = this.#joined(attributes)
    if (lease !== undefined && !wasOpen) file.offered(lease)
    const handle = this.#handleOf(file, attributes, options, caller)
    // What other handles here had written before must not come back behind the master's truncation.
    if (truncate && wasOpen) await this.#orClosed(handle, () => file.truncate(0, caller))
    return handle
  }

  /** Changes the size, and more in the same step, by the caller's own permission. */
  async resize(inode: InodeId, sizeBytes: number, changes: AttributeChanges, caller: Caller): Promise<Attributes> {
    const { handle, file } = await this.#openAt(inode, { read: false, write: true }, caller)
    const after = await this.#orClosed(handle, () => file.resize(sizeBytes, changes, caller))
    await handle.close()
    return after
  }

  /** Sends what is unsent, so that what is set next is not undone by it. Faults stay for the handles to tell. */
  async settle(inode: InodeId): Promise<void> {
    const file = this.#open.get(inode)
    if (file?.contents.unsent === undefined) return
    await file.contents.flush().catch(() => {})
  }

  /** Closes all that is open. @throws DfsError the first thing that was lost */
  async close(): Promise<void> {
    await allDone([...this.#handles].map(handle => handle.close()))
  }

  async #openAt(inode: InodeId, options: OpenOptions, caller: Caller): Promise<{ handle: Handle, file: OpenInode }> {
    const { read, write } = options
    let location: ChunkLocation | undefined
    const attributes = await this.#parts.namespace.opened(inode, async () => {
      const { first, ...opened } = await this.#parts.session.open({ inode, caller, read, write })
      location = first
      return opened
    })
    if (attributes.type !== 'file') {
      this.#parts.session.release(inode, this.#parts.session.epoch)
      throw attributes.type === 'directory'
        ? new DfsError('is-a-directory', 'a directory has no bytes to open')
        : new DfsError('invalid', `a ${attributes.type} has no bytes to open`)
    }
    const file = this.#joined(attributes)
    if (location !== undefined) this.#parts.data.locations.suggest(inode, location)
    return { handle: this.#handleOf(file, attributes, options, caller), file }
  }

  #joined(attributes: Attributes): OpenInode {
    const known = this.#open.get(attributes.inode)
    if (known === undefined) {
      const file = new OpenInode(attributes, this.#parts)
      this.#open.set(attributes.inode, file)
      return file
    }
    known.refresh(attributes)
    return known
  }

  #handleOf(file: OpenInode, attributes: Attributes, options: OpenOptions, caller: Caller): Handle {
    file.handles++
    const handle: Handle = new Handle({
      file, attributes: this.#parts.namespace.seen(attributes), options, caller,
      session: this.#parts.session, epoch: this.#parts.session.epoch,
      letGo: async () => {
        this.#handles.delete(handle)
        if (--file.handles > 0) return
        if (this.#open.get(attributes.inode) === file) this.#open.delete(attributes.inode)
        await file.close()
      },
    })
    this.#handles.add(handle)
    return handle
  }

  /** Runs a step of opening; when it fails nothing stays open. */
  async #orClosed<Value>(handle: Handle, run: () => Promise<Value>): Promise<Value> {
    try {
      return await run()
    } catch (error) {
      await handle.close().catch(() => {})
      throw error
    }
  }
}
