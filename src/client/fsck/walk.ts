import type { Attributes, Caller } from '../../protocol/attributes.ts'
import { asDfsError, isError, type DfsError } from '../../protocol/errors.ts'
import type { Name } from '../../protocol/names.ts'
import type { FileSystem } from '../file-system.ts'

/** Something in the tree; its path is bytes, one character each. A directory that could not be read has an error. */
export interface Visited {
  path: string
  attributes: Attributes
  error?: DfsError
}

const PAGE = 1_024

/** Everything from a place on, the place first; one page of each directory on the way down is in memory. */
export async function * walk(fileSystem: FileSystem, start: Visited, caller: Caller): AsyncGenerator<Visited> {
  yield start
  if (start.attributes.type !== 'directory') return
  const prefix = start.path.endsWith('/') ? start.path : `${start.path}/`
  for (let after: Name | undefined; ;) {
    let page
    try {
      page = await fileSystem.readDirectory(start.attributes.inode, after, PAGE, caller)
    } catch (error) {
      // Removed meanwhile: then nothing is wrong.
      if (!isError(error, 'no-such-entry', 'stale-handle')) yield { ...start, error: asDfsError(error) }
      return
    }
    for (const { name, attributes } of page.entries) yield * walk(fileSystem, { path: prefix + name, attributes }, caller)
    after = page.entries.at(-1)?.cursor
    if (page.complete || after === undefined) return
  }
}
