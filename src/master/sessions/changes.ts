import type { InodeId, SessionId } from '../../protocol/identifiers.ts'
import { limits } from '../../protocol/limits.ts'
import type { Taken } from '../../protocol/master-api.ts'
import type { Name } from '../../protocol/names.ts'
import type { Witness } from '../state/index.ts'

/** Who has not asked for longer than so many changes take is told that there were more than can be told. */
const KEPT_MAX = 4096

export type Untold = Omit<Taken, 'beforeCall'>

interface Change {
  /** The session that made it, which learns of it by its answer. */
  readonly author: SessionId | undefined
  readonly inode: InodeId
  /** The entry of the directory `inode` that has changed; its attributes where there is none. */
  readonly name: Name | undefined
}

/**
 * What has changed lately, and by whom. Before a client's request is served the client is told of what others have changed
 * since it last asked: so what it has in its caches is as true as the answer that follows.
 */
export class Changes implements Witness {
  readonly #kept: Change[] = []
  #count = 0
  /** Whose changes are being applied. */
  author: SessionId | undefined

  /** Changes so far: what {@link since} begins at. */
  get count(): number {
    return this.#count
  }

  attributesChanged(inode: InodeId): void {
    this.#keep({ author: this.author, inode, name: undefined })
  }

  entryChanged(parent: InodeId, name: Name): void {
    this.#keep({ author: this.author, inode: parent, name })
  }

  /** What others than `session` have changed from then on; nothing where there is nothing to tell. */
  since(count: number, session: SessionId): Untold | undefined {
    if (this.#count - count > KEPT_MAX) return everything
    const inodes = new Set<InodeId>()
    const entries = new Map<string, { parent: InodeId, name: Name }>()
    for (let at = count; at < this.#count; at++) {
      const change = this.#kept[at % KEPT_MAX]
      if (change === undefined || change.author === session) continue
      if (change.name === undefined) inodes.add(change.inode)
      else entries.set(`${change.inode}/${change.name}`, { parent: change.inode, name: change.name })
      if (inodes.size + entries.size > limits.changesToldMax) return everything
    }
    return inodes.size + entries.size === 0 ? undefined : { all: false, inodes: [...inodes], entries: [...entries.values()] }
  }

  #keep(change: Change): void {
    this.#kept[this.#count++ % KEPT_MAX] = change
  }
}

const everything: Untold = { all: true, inodes: [], entries: [] }
