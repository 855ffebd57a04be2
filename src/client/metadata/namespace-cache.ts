import type { Attributes, Caller } from '../../protocol/attributes.ts'
import type { InodeId } from '../../protocol/identifiers.ts'
import type { Taken } from '../../protocol/master-api.ts'
import type { Name } from '../../protocol/names.ts'
import { FreshCache, type Mark } from './fresh-cache.ts'
import type { Freshness } from './freshness.ts'
import { maySearch } from './permission.ts'

const ATTRIBUTES_MAX = 100_000
const ENTRIES_MAX = 200_000
const DIRECTORIES_MAX = 10_000

/** What a name leads to; no inode where there is no such name. */
interface Entry {
  inode: InodeId | undefined
}

interface Complete {
  evicted: number
}

const MISSING: Entry = { inode: undefined }

export interface Marks {
  attributes: Mark
  entries: Mark
  complete: Mark
  evicted: number
}

/** Attributes and directory entries that this client has seen, exact about what it changed itself and what it is told. */
export class NamespaceCache {
  readonly #attributes: FreshCache<InodeId, Attributes>
  readonly #entries: FreshCache<string, Entry>
  /** Directories of which all entries are known: a name that is not among them is not there. */
  readonly #complete: FreshCache<InodeId, Complete>
  /** Entries that went before their time. Whose they were is not known: no directory from before is complete any more. */
  #evicted = 0
  readonly #freshness: Freshness

  /** @param ttlMs for how long the master need not be heard of */
  constructor(freshness: Freshness, ttlMs: number) {
    this.#freshness = freshness
    this.#attributes = new FreshCache(freshness, { ttlMs, itemsMax: ATTRIBUTES_MAX })
    this.#complete = new FreshCache(freshness, { ttlMs, itemsMax: DIRECTORIES_MAX })
    this.#entries = new FreshCache(freshness, {
      ttlMs, itemsMax: ENTRIES_MAX, onEvicted: () => { this.#evicted++ },
    })
  }

  attributes(inode: InodeId): Attributes | undefined {
    return this.#attributes.get(inode)
  }

  /** Where a name leads: attributes, 'none' for a name known to be missing, or undefined: the master must be asked. */
  lookup(parent: InodeId, name: Name, caller: Caller): Attributes | 'none' | undefined {
    const entry = this.#entries.get(key(parent, name)) ?? (this.isComplete(parent) ? MISSING : undefined)
    if (entry === undefined) return undefined
    if (caller.uid !== 0) {
      const directory = this.#attributes.get(parent)
      if (directory === undefined || !maySearch(directory, caller)) return undefined
    }
    return entry.inode === undefined ? 'none' : this.#attributes.get(entry.inode)
  }

  /** To be taken before the master is asked, for the methods that learn from its answer. */
  marks(): Marks {
    const sight = this.#freshness.sight()
    return {
      attributes: this.#attributes.mark(sight), entries: this.#entries.mark(sight), complete: this.#complete.mark(sight),
      evicted: this.#evicted,
    }
  }

  /** All entries of the directory have been learned from a read that these marks were taken for. */
  learnComplete(directory: InodeId, marks: Marks): void {
    this.#complete.learn(directory, { evicted: marks.evicted }, marks.complete)
  }

  /** Whether all entries are known. What is known of each of them is never older than this. */
  isComplete(directory: InodeId): boolean {
    return this.#complete.get(directory)?.evicted === this.#evicted
  }

  /** @returns the attributes to go by: those read, or what we made of them meanwhile */
  learnAttributes(read: Attributes, marks: Marks): Attributes {
    if (this.#attributes.learn(read.inode, read, marks.attributes)) return read
    return this.#attributes.get(read.inode) ?? read
  }

  /** @returns whether it is known now where the name leads */
  learnEntry(parent: InodeId, name: Name, inode: InodeId | undefined, marks: Marks): boolean {
    return this.#entries.learn(key(parent, name), { inode }, marks.entries)
      || this.#entries.get(key(parent, name)) !== undefined
  }

  /** Our own change gave these attributes. */
  changed(after: Attributes, marks: Marks): void {
    const known = this.#attributes.get(after.inode)
    // Answers to two changes at once may arrive in either order: then the next reader asks.
    if (known !== undefined && (known.changedNs > after.changedNs || known.contentVersion > after.contentVersion)) {
      this.#attributes.forget(after.inode)
    } else this.#attributes.change(after.inode, after, marks.attributes)
  }

  /** Our own change touched the inode in a way that only the master knows. */
  forget(inode: InodeId): void {
    this.#attributes.forget(inode)
  }

  /** Our own change made the name lead there; to nothing without an inode. */
  entryChanged(parent: InodeId, name: Name, inode: InodeId | undefined, marks: Marks): void {
    this.#entries.change(key(parent, name), { inode }, marks.entries)
  }

  /** Our own change touched the name in a way that only the master knows. */
  forgetEntry(parent: InodeId, name: Name): void {
    this.#entries.forget(key(parent, name))
    this.#complete.forget(parent)
  }

  /**
   * Our own change took the name away from whatever it led to, whose links and times it changed with that.
   * @param to what the name leads to now
   */
  entryTaken(parent: InodeId, name: Name, to: InodeId | undefined, marks: Marks): void {
    const before = this.#entries.peek(key(parent, name)) ?? (this.isComplete(parent) ? MISSING : undefined)
    // Any inode we know may be the one: none is believed any more.
    if (before === undefined) this.#attributes.forgetAll()
    else if (before.inode !== undefined) this.forget(before.inode)
    this.entryChanged(parent, name, to, marks)
  }

  /** Others have changed this: only the master knows what it is now. */
  taken({ beforeCall, all, inodes, entries }: Taken): void {
    const at = this.#freshness.positionOf(beforeCall)
    if (all) this.#freshness.lapsed()
    for (const inode of inodes) this.#attributes.take(inode, at)
    for (const { parent, name } of entries) {
      this.#entries.take(key(parent, name), at)
      this.#complete.take(parent, at)
    }
  }

  /** What the name was last known to lead to. */
  entry(parent: InodeId, name: Name): InodeId | undefined {
    return this.#entries.peek(key(parent, name))?.inode
  }
}

function key(parent: InodeId, name: Name): string {
  return `${parent}/${name}`
}
