import { superuser, type Attributes, type Caller } from '../../protocol/attributes.ts'
import { DfsError, isError } from '../../protocol/errors.ts'
import type { InodeId } from '../../protocol/identifiers.ts'
import { limits } from '../../protocol/limits.ts'
import { masterApi } from '../../protocol/master-api.ts'
import { textOf, type LinkTarget, type Name, type XattrName } from '../../protocol/names.ts'
import type { AttributeChanges, DirectoryPage, NewNode, RenameMode, Totals } from '../file-system.ts'
import type { MasterSession } from '../master/session.ts'
import type { Marks, NamespaceCache } from './namespace-cache.ts'
import type { Neighbours } from './neighbours.ts'

const methods = masterApi.methods

/** What was written here and the master does not know yet. */
export interface Unsent {
  sizeBytes: number
  modifiedNs: bigint
}

/** An answer that also tells of what else has changed. */
type Touching = Attributes & { touched: Attributes[] }

interface Place {
  parent: InodeId
  name: Name
}

/** Names and attributes: asks the master, or the cache where that is allowed, and keeps the cache exact about our changes. */
export class Namespace {
  readonly #session: MasterSession
  readonly #cache: NamespaceCache
  readonly #neighbours: Neighbours
  /** What is unsent of a file that is open here, which also learns of the attributes. */
  readonly #unsentOf: (attributes: Attributes) => Unsent | undefined

  constructor(parts: {
    session: MasterSession, cache: NamespaceCache, neighbours: Neighbours,
    unsentOf: (attributes: Attributes) => Unsent | undefined,
  }) {
    this.#session = parts.session
    this.#cache = parts.cache
    this.#neighbours = parts.neighbours
    this.#unsentOf = parts.unsentOf
    this.#session.onTaken(taken => { this.#cache.taken(taken) })
  }

  /** See FileSystem. */
  knownEntry(parent: InodeId, name: Name, caller: Caller): Attributes | undefined {
    const known = this.#cache.lookup(parent, name, caller)
    if (known === 'none') throw new DfsError('no-such-entry', textOf(name))
    return known === undefined ? undefined : this.seen(known)
  }

  async lookup(parent: InodeId, name: Name, caller: Caller): Promise<Attributes> {
    let known = this.knownEntry(parent, name, caller)
    if (known === undefined && this.#neighbours.areWanted(parent)) {
      await this.#readWhole(parent)
      known = this.knownEntry(parent, name, caller)
    }
    if (known !== undefined) return known
    const marks = this.#cache.marks()
    try {
      const found = await this.#session.ask(methods.lookup, { parent, name, caller })
      this.#cache.learnEntry(parent, name, found.inode, marks)
      return this.seen(this.#cache.learnAttributes(found, marks))
    } catch (error) {
      if (isError(error, 'no-such-entry')) this.#cache.learnEntry(parent, name, undefined, marks)
      throw error
    }
  }

  /** See FileSystem. */
  knownAttributes(inode: InodeId): Attributes | undefined {
    const known = this.#cache.attributes(inode)
    return known === undefined ? undefined : this.seen(known)
  }

  async attributes(inode: InodeId): Promise<Attributes> {
    return this.knownAttributes(inode) ?? this.seen(await this.freshAttributes(inode))
  }

  /** From the master itself, without what is unsent here. */
  async freshAttributes(inode: InodeId): Promise<Attributes> {
    const marks = this.#cache.marks()
    const read = await this.#ifThere(inode, () => this.#session.ask(methods.attributes, { inode }))
    return this.#cache.learnAttributes(read, marks)
  }

  /** Runs a call that opens an inode, and learns from it. */
  async opened(inode: InodeId, open: () => Promise<Attributes>): Promise<Attributes> {
    const marks = this.#cache.marks()
    return this.#cache.learnAttributes(await this.#ifThere(inode, open), marks)
  }

  async setAttributes(inode: InodeId, changes: AttributeChanges, caller: Caller): Promise<Attributes> {
    return this.seen(await this.changing(() => this.#ifThere(inode, () =>
      this.#session.mutate(methods.setAttributes, { caller, inode, changes }, 'harmless'))))
  }

  async make(parent: InodeId, name: Name, node: NewNode, caller: Caller): Promise<Attributes> {
    const marks = this.#cache.marks()
    const { touched, ...made } = await this.#guess([parent], [{ parent, name }],
      () => this.#session.mutate(methods.make, { caller, parent, name, node }))
    this.#cache.entryChanged(parent, name, made.inode, marks)
    // Nobody else has put anything into it yet.
    if (made.type === 'directory') this.#cache.learnComplete(made.inode, marks)
    return this.#changed(marks, made, touched)
  }

  async link(inode: InodeId, parent: InodeId, name: Name, caller: Caller): Promise<Attributes> {
    const marks = this.#cache.marks()
    const { touched, ...linked } = await this.#guess([parent, inode], [{ parent, name }],
      () => this.#session.mutate(methods.link, { caller, inode, parent, name }))
    this.#cache.entryChanged(parent, name, inode, marks)
    return this.seen(this.#changed(marks, linked, touched))
  }

  /** Gives a file in the trash a name again. */
  async restore(inode: InodeId, parent: InodeId, name: Name, caller: Caller): Promise<Attributes> {
    const marks = this.#cache.marks()
    const restored = await this.#guess([parent, inode], [{ parent, name }],
      () => this.#session.mutate(methods.restore, { caller, inode, parent, name }))
    this.#cache.entryChanged(parent, name, inode, marks)
    return this.#changed(marks, restored)
  }

  async unlink(parent: InodeId, name: Name, caller: Caller): Promise<void> {
    this.#session.sendReleases()
    const marks = this.#cache.marks()
    const { touched } = await this.#guess([parent], [{ parent, name }],
      () => this.#session.mutate(methods.unlink, { caller, parent, name }))
    this.#cache.entryTaken(parent, name, undefined, marks)
    this.#touched(touched, marks)
  }

  async removeDirectory(parent: InodeId, name: Name, caller: Caller): Promise<void> {
    const marks = this.#cache.marks()
    const { touched } = await this.#guess([parent], [{ parent, name }],
      () => this.#session.mutate(methods.removeDirectory, { caller, parent, name }))
    this.#cache.entryTaken(parent, name, undefined, marks)
    this.#touched(touched, marks)
  }

  async rename(
    from: { parent: InodeId, name: Name }, to: { parent: InodeId, name: Name }, mode: RenameMode, caller: Caller,
  ): Promise<void> {
    this.#session.sendReleases()
    const marks = this.#cache.marks()
    const { touched } = await this.#guess([from.parent, to.parent], [from, to],
      () => this.#session.mutate(methods.rename, { caller, from, to, mode }))
    const moved = this.#cache.entry(from.parent, from.name)
    const replaced = this.#cache.entry(to.parent, to.name)
    this.#cache.entryTaken(from.parent, from.name, undefined, marks)
    this.#cache.entryTaken(to.parent, to.name, undefined, marks)
    // Two names of one inode stay both, and an inode we had not seen may be anything.
    const plain = mode !== 'exchange' && moved !== replaced && touched.some(({ inode }) => inode === moved)
    if (plain) this.#cache.entryChanged(to.parent, to.name, moved, marks)
    else {
      this.#cache.forgetEntry(from.parent, from.name)
      this.#cache.forgetEntry(to.parent, to.name)
    }
    this.#touched(touched, marks)
  }

  async readLink(inode: InodeId): Promise<LinkTarget> {
    return (await this.#session.ask(methods.readLink, { inode })).target
  }

  async readDirectory(
    inode: InodeId, after: Name | undefined, limit: number, caller: Caller,
  ): Promise<DirectoryPage> {
    const marks = this.#cache.marks()
    const { entries, complete } = await this.#ifThere(inode, () => this.#session.ask(methods.readDirectory, {
      inode, limit: Math.min(limit, limits.directoryPageMax), caller, ...(after === undefined ? {} : { after }),
    }))
    let allKnown = complete && after === undefined
    const page = entries.map(({ name, attributes }) => {
      if (!this.#cache.learnEntry(inode, name, attributes.inode, marks)) allKnown = false
      return { name, attributes: this.seen(this.#cache.learnAttributes(attributes, marks)), cursor: name }
    })
    if (allKnown) this.#cache.learnComplete(inode, marks)
    return { complete, entries: page }
  }

  async #readWhole(directory: InodeId): Promise<void> {
    try {
      const { complete } = await this.readDirectory(directory, undefined, this.#neighbours.entriesMax, superuser)
      if (!complete) this.#neighbours.tooLarge(directory)
    } catch (error) {
      // Whoever looks a name up hears of it in his own words.
      if (!(error instanceof DfsError)) throw error
    }
  }

  async parentOf(directory: InodeId): Promise<InodeId> {
    return (await this.#session.ask(methods.parentOf, { directory })).parent
  }

  async getXattr(inode: InodeId, name: XattrName, caller: Caller): Promise<Buffer> {
    // The kernel asks for a file's capabilities before it writes. That of anybody else may have to hear of permissions first.
    const mayAsk = caller.uid === 0 || name.startsWith('security.')
    if (mayAsk && this.#cache.attributes(inode)?.hasXattrs === false) {
      throw new DfsError('no-such-attribute', `${name} is not set`)
    }
    const { value } = await this.#session.ask(methods.getXattr, { inode, name, caller })
    return Buffer.from(value.buffer, value.byteOffset, value.length)
  }

  async listXattrs(inode: InodeId): Promise<XattrName[]> {
    if (this.#cache.attributes(inode)?.hasXattrs === false) return []
    return (await this.#session.ask(methods.listXattrs, { inode })).names
  }

  async setXattr(
    inode: InodeId, name: XattrName, value: Uint8Array, mode: 'any' | 'create' | 'replace', caller: Caller,
  ): Promise<void> {
    const request = { caller, inode, name, value: new Uint8Array(value), mode }
    await this.#guess([inode], [], () =>
      this.#session.mutate(methods.setXattr, request, mode === 'any' ? 'harmless' : 'wrong'))
  }

  async removeXattr(inode: InodeId, name: XattrName, caller: Caller): Promise<void> {
    await this.#guess([inode], [], () => this.#session.mutate(methods.removeXattr, { caller, inode, name }))
  }

  totals(): Promise<Totals> {
    return this.#session.ask(methods.totals, {})
  }

  /** Runs a change that gives attributes, and learns from it. */
  async changing(change: () => Promise<Attributes>): Promise<Attributes> {
    const marks = this.#cache.marks()
    return this.#changed(marks, await change())
  }

  /** Runs a call that makes a file, or finds it, and learns from it. */
  async created(parent: InodeId, name: Name, create: () => Promise<Touching>): Promise<Attributes> {
    const marks = this.#cache.marks()
    const { touched, ...after } = await this.#guess([parent], [{ parent, name }], create)
    this.#cache.entryChanged(parent, name, after.inode, marks)
    return this.#changed(marks, after, touched)
  }

  /** The attributes with what has been written here and not sent. */
  seen(attributes: Attributes): Attributes {
    const unsent = this.#unsentOf(attributes)
    if (unsent === undefined) return attributes
    const later = (ns: bigint): bigint => unsent.modifiedNs > ns ? unsent.modifiedNs : ns
    return {
      ...attributes,
      sizeBytes: Math.max(attributes.sizeBytes, unsent.sizeBytes),
      modifiedNs: later(attributes.modifiedNs),
      changedNs: later(attributes.changedNs),
    }
  }

  /** A change of ours, begun at `marks`, gave these attributes, and moved others on beside its own subject. */
  #changed(marks: Marks, after: Attributes, touched: readonly Attributes[] = []): Attributes {
    this.#touched([...touched, after], marks)
    return after
  }

  #touched(touched: readonly Attributes[], marks: Marks): void {
    for (const each of touched) this.#cache.changed(each, marks)
  }

  /** Runs a call about an inode; where that is gone, the name that led there must be asked for again. */
  async #ifThere<Value>(inode: InodeId, run: () => Promise<Value>): Promise<Value> {
    try {
      return await run()
    } catch (error) {
      if (isError(error, 'stale-handle', 'no-such-entry')) this.#cache.forget(inode)
      throw error
    }
  }

  /**
   * Runs a change. What it touches beyond its answer is forgotten, however it ends: an error may hide a success.
   * An error says moreover that the names are not what we thought: what made mkdir fail must be seen by the next stat.
   */
  async #guess<Value>(touched: InodeId[], names: Place[], run: () => Promise<Value>): Promise<Value> {
    try {
      return await run()
    } catch (error) {
      for (const { parent, name } of names) this.#cache.forgetEntry(parent, name)
      throw error
    } finally {
      for (const inode of touched) this.#cache.forget(inode)
    }
  }
}
