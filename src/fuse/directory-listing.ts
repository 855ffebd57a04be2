import type { DirectoryEntry, FileSystem } from '../client/file-system.ts'
import { superuser } from '../protocol/attributes.ts'
import type { InodeId } from '../protocol/identifiers.ts'
import type { Name } from '../protocol/names.ts'

const PAGE_ENTRIES = 1024

interface Page {
  /** Position of the first entry in the whole listing. */
  first: number
  entries: DirectoryEntry[]
  complete: boolean
}

/** Where a page begins: enough to read it again. */
interface Start {
  first: number
  after: Name | undefined
}

/**
 * One reading of a directory, by position: the kernel asks for "what comes behind position n" and mostly goes forward,
 * with small steps back where an answer did not fit in its caller's buffer. Two pages are kept for those; an older
 * position (seekdir) reads its page again, and is exact as long as nothing in that page was removed.
 */
export class DirectoryListing {
  readonly #fileSystem: FileSystem
  readonly #directory: InodeId
  #starts: Start[] = [{ first: 0, after: undefined }]
  #recent: Page[] = []

  constructor(fileSystem: FileSystem, directory: InodeId) {
    this.#fileSystem = fileSystem
    this.#directory = directory
  }

  /** Begins afresh, as rewinddir(3) must: what was created since is there. */
  rewind(): void {
    this.#starts = [{ first: 0, after: undefined }]
    this.#recent = []
  }

  /** Entries from `position` on, as many as are at hand (at least one); none at the end. */
  async from(position: number): Promise<DirectoryEntry[]> {
    for (;;) {
      const page = await this.#pageOf(position)
      const entries = page.entries.slice(position - page.first)
      if (entries.length > 0 || page.complete) return entries
      const last = page.entries.at(-1)
      if (last === undefined) return []
      // Entries went away while the page was read again: the position now lies behind it.
      position = page.first + page.entries.length
    }
  }

  async #pageOf(position: number): Promise<Page> {
    const known = this.#recent.find(page =>
      position >= page.first && (page.complete || position < page.first + page.entries.length))
    if (known !== undefined) return known
    let start = this.#starts.findLast(({ first }) => first <= position) ?? { first: 0, after: undefined }
    for (;;) {
      const page = await this.#read(start)
      if (page.complete || position < page.first + page.entries.length) return page
      const last = page.entries.at(-1)
      if (last === undefined) return page
      start = { first: page.first + page.entries.length, after: last.cursor }
    }
  }

  async #read({ first, after }: Start): Promise<Page> {
    // The kernel has checked that its caller may read the directory when it was opened.
    const { entries, complete } = await this.#fileSystem.readDirectory(this.#directory, after, PAGE_ENTRIES, superuser)
    const page: Page = { first, entries, complete }
    const last = entries.at(-1)
    if (last !== undefined && !complete && !this.#starts.some(start => start.first === first + entries.length)) {
      this.#starts.push({ first: first + entries.length, after: last.cursor })
    }
    this.#recent = [...this.#recent.slice(-1), page]
    return page
  }
}
