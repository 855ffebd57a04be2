import type { FileSystem } from '../../client/file-system.ts'
import { superuser, type Attributes } from '../../protocol/attributes.ts'
import { DfsError } from '../../protocol/errors.ts'
import type { InodeId } from '../../protocol/identifiers.ts'
import { limits } from '../../protocol/limits.ts'
import { bytesOfText, type Name } from '../../protocol/names.ts'

/** From libfuse's paths to inodes, name by name: the client remembers names, so that this is cheap. */
export class PathWalk {
  readonly #fileSystem: FileSystem
  readonly #root: InodeId

  constructor(fileSystem: FileSystem, root: InodeId) {
    this.#fileSystem = fileSystem
    this.#root = root
  }

  async inode(path: string | null): Promise<InodeId> {
    let inode = this.#root
    for (const name of namesOf(path)) inode = (await this.#fileSystem.lookup(inode, name, superuser)).inode
    return inode
  }

  async attributes(path: string | null): Promise<Attributes> {
    const names = namesOf(path)
    const last = names.pop()
    if (last === undefined) return this.#fileSystem.attributes(this.#root)
    const { inode } = await this.#fileSystem.lookup(await this.#walk(names), last, superuser)
    return this.#fileSystem.attributes(inode)
  }

  /** The directory that holds the last name of a path, and that name. */
  async place(path: string): Promise<{ parent: InodeId, name: Name }> {
    const names = namesOf(path)
    const name = names.pop()
    if (name === undefined) throw new DfsError('invalid', 'the root has no name')
    return { parent: await this.#walk(names), name }
  }

  async #walk(names: readonly Name[]): Promise<InodeId> {
    let inode = this.#root
    for (const name of names) inode = (await this.#fileSystem.lookup(inode, name, superuser)).inode
    return inode
  }
}

function namesOf(path: string | null): Name[] {
  const names = (path ?? '').split('/').filter(name => name !== '').map(bytesOfText)
  if (names.some(name => name.length > limits.nameBytesMax)) throw new DfsError('name-too-long', 'a name is too long')
  return names as Name[]
}
