import type { DirectoryEntry } from '../../client/file-system.ts'
import type { InodeId } from '../../protocol/identifiers.ts'
import { encodeEntry, typeBits } from '../encoding.ts'
import { dirent, entryOut, readIn } from '../kernel/messages.ts'
import { operation, type Mount, type Reply, type Request } from '../operation.ts'

/** Positions 0 and 1 are "." and ".."; the entries of the directory follow. */
const DOTS = 2
const TYPE_SHIFT = 12

/** Names only. */
export const readdir = operation('readdir', (mount, request) => list(mount, request, 'names'))

/** Names and what stat(2) would say, in one answer: each entry counts as looked up. */
export const readdirplus = operation('readdirplus', (mount, request) => list(mount, request, 'entries'))

async function list(mount: Mount, { inode, body }: Request, what: 'names' | 'entries'): Promise<Reply> {
  const { fh, offset, size } = readIn.decode(body)
  const { listing } = mount.handles.directory(fh)
  if (offset === 0) listing.rewind()
  const page = new EntryPage(mount, size, what)
  let position = offset
  if (position === 0 && page.addDot('.', inode, ++position)) {
    if (page.addDot('..', await parentOf(mount, inode), position + 1)) position++
  } else if (position === 1 && page.addDot('..', await parentOf(mount, inode), position + 1)) {
    position++
  }
  // One page of the listing an answer: the kernel comes back for more, and need not wait for what it has no room for.
  for (const entry of position >= DOTS ? await listing.from(position - DOTS) : []) {
    if (!page.add(entry, position + 1)) break
    position++
  }
  return page.reply()
}

/** The mount's root is its own parent, whatever lies above it in the file system. */
async function parentOf(mount: Mount, inode: InodeId): Promise<InodeId> {
  return inode === mount.root ? inode : mount.fileSystem.parentOf(inode)
}

class EntryPage {
  readonly #mount: Mount
  readonly #buffer: Buffer
  readonly #what: 'names' | 'entries'
  readonly #looked: InodeId[] = []
  readonly #invalidations: Promise<void>[] = []
  #end = 0

  constructor(mount: Mount, sizeBytes: number, what: 'names' | 'entries') {
    this.#mount = mount
    this.#buffer = Buffer.alloc(sizeBytes)
    this.#what = what
  }

  /** Adds an entry behind which the listing goes on at `next`; says whether there was room. */
  add({ name, attributes }: DirectoryEntry, next: number): boolean {
    const start = this.#start(name.length)
    if (start === undefined) return false
    if (this.#what === 'entries') {
      const invalidation = this.#mount.cache.looked(attributes)
      if (invalidation !== undefined) this.#invalidations.push(invalidation)
      this.#looked.push(attributes.inode)
      encodeEntry(this.#mount, attributes, this.#buffer, start)
    }
    this.#put(start, name, { inode: attributes.inode, next, type: typeBits[attributes.type] >> TYPE_SHIFT })
    return true
  }

  /** Adds "." or "..", which the kernel must not count: their node stays 0. */
  addDot(name: '.' | '..', inode: InodeId, next: number): boolean {
    const start = this.#start(name.length)
    if (start === undefined) return false
    this.#put(start, name, { inode, next, type: typeBits.directory >> TYPE_SHIFT })
    return true
  }

  async reply(): Promise<Reply> {
    await Promise.all(this.#invalidations)
    return {
      parts: [this.#buffer.subarray(0, this.#end)],
      unanswered: () => { for (const inode of this.#looked) this.#mount.cache.forget(inode, 1) },
    }
  }

  #start(nameBytes: number): number | undefined {
    const start = this.#end
    const end = start + (this.#what === 'entries' ? entryOut.sizeBytes : 0) + dirent.sizeBytes + nameBytes
    const padded = Math.ceil(end / 8) * 8
    if (padded > this.#buffer.length) return undefined
    this.#end = padded
    return start
  }

  #put(start: number, name: string, { inode, next, type }: { inode: InodeId, next: number, type: number }): void {
    const at = start + (this.#what === 'entries' ? entryOut.sizeBytes : 0)
    dirent.encodeInto(this.#buffer, at, { ino: inode, off: next, namelen: name.length, type })
    this.#buffer.write(name, at + dirent.sizeBytes, 'latin1')
  }
}
