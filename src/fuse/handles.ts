import type { OpenFile } from '../client/file-system.ts'
import { DfsError } from '../protocol/errors.ts'
import type { InodeId } from '../protocol/identifiers.ts'
import type { DirectoryListing } from './directory-listing.ts'

/** A file as the kernel has it open. */
export interface FileHandle {
  kind: 'file'
  inode: InodeId
  file: OpenFile
  writable: boolean
  /** File capabilities were looked for since it was opened: a write takes them away. */
  capabilitiesChecked: boolean
}

/** A directory as the kernel has it open. */
export interface DirectoryHandle {
  kind: 'directory'
  inode: InodeId
  listing: DirectoryListing
}

type Handle = FileHandle | DirectoryHandle

/** What the kernel has open, under the numbers that it knows them by. */
export class HandleTable {
  readonly #handles = new Map<number, Handle>()
  #last = 0

  add(handle: Handle): number {
    this.#last++
    this.#handles.set(this.#last, handle)
    return this.#last
  }

  file(number: number): FileHandle {
    const handle = this.#handles.get(number)
    if (handle?.kind !== 'file') throw new DfsError('bad-descriptor', `no open file has number ${String(number)}`)
    return handle
  }

  directory(number: number): DirectoryHandle {
    const handle = this.#handles.get(number)
    if (handle?.kind !== 'directory') throw new DfsError('bad-descriptor', `no open directory has number ${String(number)}`)
    return handle
  }

  remove(number: number): void {
    this.#handles.delete(number)
  }

  /** Every open file. */
  files(): FileHandle[] {
    return [...this.#handles.values()].filter(handle => handle.kind === 'file')
  }

  get count(): number {
    return this.#handles.size
  }
}
