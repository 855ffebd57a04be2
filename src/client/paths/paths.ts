import { Readable } from 'node:stream'
import type { Attributes, Caller } from '../../protocol/attributes.ts'
import { DfsError, isError } from '../../protocol/errors.ts'
import { limits } from '../../protocol/limits.ts'
import { textOf, type LinkTarget, type Name } from '../../protocol/names.ts'
import type { AttributeChanges, FileSystem, NewNode, OpenFile, OpenOptions, RenameMode } from '../file-system.ts'
import { bytesOfPath, resolve, type LastLink, type Path, type Place } from './resolve.ts'

const READ_BYTES = 1024 * 1024
const LIST_PAGE = 1_024
/** Files of one directory removed at the same time. */
const REMOVALS_MAX = 16

/** An entry of a directory, as listed. */
export interface Listed {
  name: Name
  attributes: Attributes
}

/** A file to be made or opened by path. */
export interface PathOpenOptions extends OpenOptions {
  /** Makes a missing file with these permission bits. */
  create?: { mode: number, exclusive: boolean }
}

/** Files by path, on behalf of one caller. Symbolic links are followed as the system calls of the same name do. */
export class Paths {
  readonly #fileSystem: FileSystem
  readonly #caller: Caller

  constructor(fileSystem: FileSystem, caller: Caller) {
    this.#fileSystem = fileSystem
    this.#caller = caller
  }

  /** What is there, links followed. */
  stat(path: Path): Promise<Attributes> {
    return this.#existing(path, 'follow')
  }

  /** What is there, a link being itself. */
  lstat(path: Path): Promise<Attributes> {
    return this.#existing(path, 'keep')
  }

  /** @throws DfsError 'not-a-directory' */
  async directory(path: Path): Promise<Attributes> {
    const found = await this.stat(path)
    if (found.type !== 'directory') throw new DfsError('not-a-directory', textOf(bytesOfPath(path)))
    return found
  }

  /** What is there, or undefined; links followed. Anything but its absence rejects. */
  async find(path: Path): Promise<Attributes | undefined> {
    return (await this.#place(path, 'follow')).attributes
  }

  async open(path: Path, { create, ...options }: PathOpenOptions): Promise<OpenFile> {
    const { parent, name, attributes } = await this.#place(path, create?.exclusive === true ? 'keep' : 'follow')
    if (attributes !== undefined && create?.exclusive === true) {
      throw new DfsError('already-exists', textOf(bytesOfPath(path)))
    }
    if (attributes !== undefined) return this.#fileSystem.open(attributes.inode, options, this.#caller)
    if (create === undefined || name === undefined) throw missing(path)
    return this.#fileSystem.create(parent, name, create.mode, { ...options, exclusive: create.exclusive }, this.#caller)
  }

  async readFile(path: Path): Promise<Buffer> {
    const buffers: Uint8Array[] = []
    for await (const buffer of this.read(path)) buffers.push(buffer)
    return Buffer.concat(buffers)
  }

  /** The file's bytes, piece by piece. */
  async * read(path: Path): AsyncGenerator<Uint8Array> {
    const file = await this.open(path, { read: true, write: false })
    try {
      for (let offset = 0; ;) {
        const buffers = await file.read(offset, READ_BYTES)
        const got = buffers.reduce((sum, { length }) => sum + length, 0)
        yield* buffers
        offset += got
        if (got < READ_BYTES) return
      }
    } finally {
      await file.close()
    }
  }

  readStream(path: Path): Readable {
    return Readable.from(this.read(path), { objectMode: false })
  }

  /** Writes a whole file, replacing what it had. */
  async writeFile(path: Path, data: string | Uint8Array, mode = 0o644): Promise<void> {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data
    await this.write(path, [bytes], mode)
  }

  /** Writes a whole file from pieces; resolves when every replica has them. @returns bytes written */
  async write(path: Path, pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, mode = 0o644): Promise<number> {
    const file = await this.open(path,
      { read: false, write: true, truncate: true, create: { mode, exclusive: false } })
    let offset = 0
    try {
      for await (const piece of pieces) {
        await file.write(offset, piece)
        offset += piece.length
      }
    } catch (error) {
      await file.close().catch(() => {})
      throw error
    }
    await file.close()
    return offset
  }

  async list(path: Path): Promise<Listed[]> {
    const { inode } = await this.directory(path)
    const entries: Listed[] = []
    for (let after: Name | undefined; ;) {
      const page = await this.#fileSystem.readDirectory(inode, after, LIST_PAGE, this.#caller)
      entries.push(...page.entries.map(({ name, attributes }) => ({ name, attributes })))
      after = page.entries.at(-1)?.cursor
      if (page.complete || after === undefined) return entries
    }
  }

  /** @throws DfsError 'already-exists' */
  async make(path: Path, node: NewNode): Promise<Attributes> {
    const { parent, name, attributes } = await this.#place(path, 'keep')
    if (attributes !== undefined || name === undefined) {
      throw new DfsError('already-exists', textOf(bytesOfPath(path)))
    }
    return this.#fileSystem.make(parent, name, node, this.#caller)
  }

  /** @param parents also makes what is missing on the way, and is content with a directory that is there */
  async mkdir(path: Path, { mode = 0o755, parents = false }: { mode?: number, parents?: boolean } = {}): Promise<void> {
    if (!parents) {
      await this.make(path, { type: 'directory', mode })
      return
    }
    const parts = bytesOfPath(path).split('/').filter(part => part !== '')
    for (let count = 1; count <= parts.length; count++) {
      const part = Buffer.from(parts.slice(0, count).join('/'), 'latin1')
      const found = await this.find(part)
      if (found?.type === 'directory') continue
      if (found !== undefined) throw new DfsError('not-a-directory', part.toString())
      try {
        await this.make(part, { type: 'directory', mode })
      } catch (error) {
        if (!isError(error, 'already-exists')) throw error
        await this.directory(part)
      }
    }
  }

  async symlink(target: Path, path: Path): Promise<Attributes> {
    const bytes = bytesOfPath(target)
    if (bytes === '' || bytes.length > limits.symlinkBytesMax) throw new DfsError('invalid', 'no such link is possible')
    return this.make(path, { type: 'symlink', target: bytes as LinkTarget })
  }

  async readLink(path: Path): Promise<LinkTarget> {
    const { inode, type } = await this.lstat(path)
    if (type !== 'symlink') throw new DfsError('invalid', 'not a symbolic link')
    return this.#fileSystem.readLink(inode)
  }

  async link(existing: Path, path: Path): Promise<Attributes> {
    const { inode } = await this.lstat(existing)
    const { parent, name, attributes } = await this.#place(path, 'keep')
    if (attributes !== undefined || name === undefined) {
      throw new DfsError('already-exists', textOf(bytesOfPath(path)))
    }
    return this.#fileSystem.link(inode, parent, name, this.#caller)
  }

  async setAttributes(path: Path, changes: AttributeChanges): Promise<Attributes> {
    const { inode } = await this.stat(path)
    return this.#fileSystem.setAttributes(inode, changes, this.#caller)
  }

  async rename(from: Path, to: Path, mode: RenameMode = 'replace'): Promise<void> {
    const source = await this.#place(from, 'keep')
    const target = await this.#place(to, 'keep')
    if (source.attributes === undefined) throw missing(from)
    if (source.name === undefined || target.name === undefined) throw new DfsError('invalid', 'the root stays where it is')
    await this.#fileSystem.rename({ parent: source.parent, name: source.name },
      { parent: target.parent, name: target.name }, mode, this.#caller)
  }

  /** Removes a file, or an empty directory. @param recursive a directory with all that is in it */
  async remove(path: Path, { recursive = false }: { recursive?: boolean } = {}): Promise<void> {
    const place = await this.#place(path, 'keep')
    if (place.attributes === undefined) throw missing(path)
    if (place.name === undefined) throw new DfsError('invalid', 'the root stays where it is')
    await this.#remove({ ...place, name: place.name, attributes: place.attributes }, recursive)
  }

  async #remove(
    { parent, name, attributes }: { parent: Place['parent'], name: Name, attributes: Attributes }, recursive: boolean,
  ): Promise<void> {
    if (attributes.type !== 'directory') {
      await this.#fileSystem.unlink(parent, name, this.#caller)
      return
    }
    while (recursive) {
      const page = await this.#fileSystem.readDirectory(attributes.inode, undefined, LIST_PAGE, this.#caller)
      const inside = page.entries.map(entry => ({ ...entry, parent: attributes.inode }))
      const isFolder = (entry: Listed): boolean => entry.attributes.type === 'directory'
      const files = inside.filter(entry => !isFolder(entry)).values()
      await Promise.all(Array.from({ length: REMOVALS_MAX }, async () => {
        for (const file of files) await this.#remove(file, true)
      }))
      for (const folder of inside.filter(isFolder)) await this.#remove(folder, true)
      if (page.complete) break
    }
    await this.#fileSystem.removeDirectory(parent, name, this.#caller)
  }

  #place(path: Path, lastLink: LastLink): Promise<Place> {
    return resolve(this.#fileSystem, path, this.#caller, lastLink)
  }

  async #existing(path: Path, lastLink: LastLink): Promise<Attributes> {
    const { attributes } = await this.#place(path, lastLink)
    if (attributes === undefined) throw missing(path)
    return attributes
  }
}

function missing(path: Path): DfsError {
  return new DfsError('no-such-entry', textOf(bytesOfPath(path)))
}
