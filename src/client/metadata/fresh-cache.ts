import { LRUCache } from 'lru-cache'
import type { Freshness, Position, Sight } from './freshness.ts'

/** How many keys we remember to have changed; older changes count as changes of everything. */
const CHANGES_MAX = 16_384

/** To be taken before the master is asked, and given back with what it answers. */
export interface Mark {
  readonly sight: Sight
  /** Changes there had been. */
  readonly changes: number
}

interface Item<Value> {
  value: Value
  sight: Sight
}

interface Changed {
  /** By us, counted in changes. */
  at: number
  /** By others: before this question the master knew of it. */
  takenAt: Position
}

/**
 * A bounded cache whose items age, exact about changes: what a read brings is kept only if nobody is known to have changed
 * the key after the read began.
 */
export class FreshCache<Key extends string | number, Value extends object> {
  readonly #freshness: Freshness
  readonly #ttlMs: number
  readonly #items: LRUCache<Key, Item<Value>>
  /** When each key was last changed. */
  readonly #changed: LRUCache<Key, Changed>
  #changes = 0
  /** Changes up to here may have been forgotten. */
  #forgotten: Changed = { at: 0, takenAt: 0 }

  /** @param onEvicted called for every item that goes only because there are too many */
  constructor(
    freshness: Freshness,
    { ttlMs, itemsMax, onEvicted = () => {} }: { ttlMs: number, itemsMax: number, onEvicted?: () => void },
  ) {
    this.#freshness = freshness
    this.#ttlMs = ttlMs
    this.#items = new LRUCache({
      max: itemsMax, dispose: (_value, _key, reason) => { if (reason === 'evict') onEvicted() },
    })
    this.#changed = new LRUCache({
      max: CHANGES_MAX,
      dispose: ({ at, takenAt }, _key, reason) => {
        if (reason !== 'evict') return
        this.#forgotten = { at: Math.max(this.#forgotten.at, at), takenAt: Math.max(this.#forgotten.takenAt, takenAt) }
      },
    })
  }

  get(key: Key): Value | undefined {
    const item = this.#items.get(key)
    return item !== undefined && this.#freshness.isWithin(this.#ttlMs, item.sight) ? item.value : undefined
  }

  /** What the key was last known to have, however long ago. */
  peek(key: Key): Value | undefined {
    return this.#items.peek(key)?.value
  }

  mark(sight: Sight): Mark {
    return { sight, changes: this.#changes }
  }

  /** Keeps what a read brought, unless somebody changed the key meanwhile. @returns whether it was kept */
  learn(key: Key, value: Value, { sight, changes }: Mark): boolean {
    const { at, takenAt } = this.#lastChange(key)
    if (at > changes || takenAt > sight.position) return false
    this.#items.set(key, { value, sight })
    return true
  }

  /** Notes that we changed the key, to this. Where others did meanwhile, nobody knows which of the two came last. */
  change(key: Key, value: Value, { sight }: Mark): void {
    const { takenAt } = this.#lastChange(key)
    this.#changed.set(key, { at: ++this.#changes, takenAt })
    if (takenAt > sight.position) this.#items.delete(key)
    else this.#items.set(key, { value, sight })
  }

  /** Notes that we changed the key, to what only the master knows. */
  forget(key: Key): void {
    this.#changed.set(key, { at: ++this.#changes, takenAt: this.#lastChange(key).takenAt })
    this.#items.delete(key)
  }

  /** Notes that we changed something, and do not know what. */
  forgetAll(): void {
    // What others changed we were told before the last question at the latest.
    this.#forgotten = { at: ++this.#changes, takenAt: this.#freshness.sight().position - 1 }
    this.#changed.clear()
    this.#items.clear()
  }

  /** Notes that others have changed the key. */
  take(key: Key, takenAt: Position): void {
    this.#changed.set(key, { at: this.#lastChange(key).at, takenAt })
    this.#items.delete(key)
  }

  #lastChange(key: Key): Changed {
    return this.#changed.get(key) ?? this.#forgotten
  }
}
