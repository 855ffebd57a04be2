import type { Attributes, Caller } from '../../protocol/attributes.ts'
import { superuser } from '../../protocol/attributes.ts'
import type { ChunkLease } from '../../protocol/chunks.ts'
import { DfsError } from '../../protocol/errors.ts'
import type { ChunkIndex } from '../../protocol/identifiers.ts'
import { masterApi } from '../../protocol/master-api.ts'
import { FileContents, type FileAuthority } from '../contents/contents.ts'
import type { DataPath } from '../contents/data-path.ts'
import type { AttributeChanges } from '../file-system.ts'
import type { MasterSession } from '../master/session.ts'
import type { Namespace } from '../metadata/namespace.ts'

const { settle, dropChunks } = masterApi.methods

export interface OpenInodeParts {
  session: MasterSession
  namespace: Namespace
  data: DataPath
}

/** Whether a write by someone who is not root takes set-id bits away: set-uid, and set-gid where it means to execute. */
function hasSetId(mode: number): boolean {
  return (mode & 0o4000) !== 0 || (mode & 0o2010) === 0o2010
}

/** A file that some handle of this client has open: its bytes, and the right to tell the master of them. */
export class OpenInode {
  readonly contents: FileContents
  /** Handles that are open. */
  handles = 0
  readonly #parts: OpenInodeParts
  #attributes: Attributes
  /** Someone other than root has written since the master was told. */
  #writtenByOthers = false
  /** A chunk came with the file, and the master does not know yet that it is used. */
  #offer: { epoch: number } | undefined

  constructor(attributes: Attributes, parts: OpenInodeParts) {
    this.#attributes = attributes
    this.#parts = parts
    const { inode } = attributes
    const authority: FileAuthority = {
      settle: async ({ endBytes, modifiedNs, oldestVersion, first }) => {
        const clearSetId = this.#writtenByOthers
        this.#writtenByOthers = false
        const offer = this.#offer
        const usedFirst = offer === undefined ? undefined : first
        const after = await this.#changing(() => parts.session.mutate(settle, {
          caller: superuser, inode, endBytes, modifiedNs, clearSetId, oldestVersion,
          ...(usedFirst === undefined ? {} : { usedFirst }),
        }, 'harmless'))
        if (usedFirst !== undefined) this.#keepOffer()
        return after
      },
      freshAttributes: async () => {
        this.#attributes = await parts.namespace.freshAttributes(inode)
        return this.#attributes
      },
      dropChunks: (first: ChunkIndex, count: number) => this.#changing(() => parts.session.mutate(dropChunks,
        { caller: superuser, inode, first, count }, 'harmless')),
    }
    this.contents = new FileContents({ attributes, data: parts.data, authority })
  }

  /** The file was made just now, and its first chunk with it. */
  offered(lease: ChunkLease): void {
    this.#offer = { epoch: this.#parts.session.epoch }
    this.#parts.data.leases.offer(this.#attributes.inode, lease)
  }

  /** Lets go of the file. The master takes back a chunk that came with it and was not used. */
  async close(): Promise<void> {
    try {
      await this.contents.close()
    } finally {
      if (this.#offer !== undefined) this.#parts.data.forgetChunks(this.#attributes.inode)
    }
  }

  /** The master knows that the chunk which came with the file is used. @throws DfsError 'stale-handle' it knew too late */
  #keepOffer(): void {
    const offer = this.#offer
    this.#offer = undefined
    if (offer === undefined || offer.epoch === this.#parts.session.epoch) return
    this.#parts.data.forgetChunks(this.#attributes.inode)
    throw new DfsError('stale-handle', 'the session with the master expired before it knew what was written to a new file')
  }

  /** It was opened once more. */
  refresh(attributes: Attributes): void {
    this.#attributes = attributes
    this.contents.refresh(attributes)
  }

  /** To be called when the caller has written. Set-id bits go at once, not when the master is told of the size. */
  async wroteAs(caller: Caller): Promise<void> {
    if (caller.uid === 0) return
    this.#writtenByOthers = true
    if (hasSetId(this.#attributes.mode)) await this.contents.flush()
  }

  /** Changes the size, and other attributes in the same step. @param caller whose permission the master checks */
  resize(sizeBytes: number, changes: AttributeChanges, caller: Caller): Promise<Attributes> {
    return this.contents.truncate(sizeBytes, async () => {
      this.#attributes = await this.#parts.namespace.setAttributes(this.#attributes.inode, { ...changes, sizeBytes }, caller)
      return this.#attributes
    })
  }

  /** As {@link resize} through a handle, which was permitted when it was opened. */
  async truncate(sizeBytes: number, caller: Caller): Promise<Attributes> {
    const after = await this.resize(sizeBytes, {}, superuser)
    if (caller.uid === 0 || !hasSetId(after.mode)) return after
    return this.#changing(() => this.#parts.session.mutate(settle, {
      caller: superuser, inode: after.inode, endBytes: 0, modifiedNs: 'now', clearSetId: true,
    }, 'harmless'))
  }

  async #changing(change: () => Promise<Attributes>): Promise<Attributes> {
    this.#attributes = await this.#parts.namespace.changing(change)
    return this.#attributes
  }
}
