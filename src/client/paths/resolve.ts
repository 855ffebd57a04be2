import type { Attributes, Caller } from '../../protocol/attributes.ts'
import { DfsError } from '../../protocol/errors.ts'
import type { InodeId } from '../../protocol/identifiers.ts'
import { limits } from '../../protocol/limits.ts'
import { bytesOfText, name as nameSchema, textOf, type Name } from '../../protocol/names.ts'
import type { FileSystem } from '../file-system.ts'

/** As the kernel's own bound. */
const SYMLINKS_MAX = 40

/** A path is text, taken as UTF-8, or bytes. It begins at the root, with or without a slash. */
export type Path = string | Buffer

/** Where a path leads, or would lead if there were something. */
export interface Place {
  parent: InodeId
  /** Undefined for the root and for what ends in "..": a directory that cannot be made or removed by this path. */
  name: Name | undefined
  attributes: Attributes | undefined
}

/** What to do with a symbolic link at the end of the path; those on the way are always followed. */
export type LastLink = 'follow' | 'keep'

export function bytesOfPath(path: Path): string {
  return typeof path === 'string' ? bytesOfText(path) : path.toString('latin1')
}

/** @throws DfsError 'invalid', 'name-too-long' */
export function nameOf(bytes: string): Name {
  if (bytes.length > limits.nameBytesMax) throw new DfsError('name-too-long', textOf(bytes))
  const parsed = nameSchema.safeParse(bytes)
  if (!parsed.success) throw new DfsError('invalid', `${JSON.stringify(textOf(bytes))} is not a file name`)
  return parsed.data
}

/**
 * Walks a path. Only its last part may be missing; then the place has no attributes.
 * @throws DfsError 'no-such-entry', 'not-a-directory', 'loop', 'access-denied', 'name-too-long'
 */
export async function resolve(
  fileSystem: FileSystem, path: Path, caller: Caller, lastLink: LastLink,
): Promise<Place> {
  const bytes = bytesOfPath(path)
  if (bytes.length > limits.pathBytesMax) throw new DfsError('name-too-long', 'the path is too long')
  const parts = bytes.split('/').filter(part => part !== '' && part !== '.')
  let mustBeDirectory = bytes.endsWith('/') || bytes.endsWith('/.')
  const root = await fileSystem.attributes(fileSystem.root)
  let at: Place & { attributes: Attributes } = { parent: fileSystem.root, name: undefined, attributes: root }
  for (let symlinks = 0, part = parts.shift(); part !== undefined; part = parts.shift()) {
    const directory = at.attributes
    if (directory.type !== 'directory') throw new DfsError('not-a-directory', textOf(bytes))
    if (part === '..') {
      const parent = await fileSystem.parentOf(directory.inode)
      at = { parent, name: undefined, attributes: await fileSystem.attributes(parent) }
      continue
    }
    const name = nameOf(part)
    const last = parts.length === 0
    let attributes: Attributes
    try {
      attributes = await fileSystem.lookup(directory.inode, name, caller)
    } catch (error) {
      const missing = error instanceof DfsError && error.code === 'no-such-entry'
      if (missing && last) return { parent: directory.inode, name, attributes: undefined }
      throw error
    }
    if (attributes.type === 'symlink' && (!last || lastLink === 'follow' || mustBeDirectory)) {
      if (++symlinks > SYMLINKS_MAX) throw new DfsError('loop', textOf(bytes))
      const target = await fileSystem.readLink(attributes.inode)
      if (last && (target.endsWith('/') || target.endsWith('/.'))) mustBeDirectory = true
      parts.unshift(...target.split('/').filter(each => each !== '' && each !== '.'))
      if (target.startsWith('/')) at = { parent: fileSystem.root, name: undefined, attributes: root }
      continue
    }
    at = { parent: directory.inode, name, attributes }
  }
  if (mustBeDirectory && at.attributes.type !== 'directory') throw new DfsError('not-a-directory', textOf(bytes))
  return at
}
