import { LRUCache } from 'lru-cache'
import type { Clock } from '../../seams/clock.ts'

/** How many keys we remember to have changed ourselves; older changes count as changes of everything. */
const CHANGES_MAX = 16_384

/**
 * A bounded cache whose items age, exact about our own changes: what a read brings is kept only if we did not change the
 * key after the read began.
 */
export class FreshCache<Key extends string | number, Value extends object> {
  readonly #items: LRUCache<Key, Value>
  /** When each key was last changed, counted in changes. */
  readonly #changed: LRUCache<Key, { at: number }>
  #changes = 0
  /** Changes up to this one may have been forgotten. */
  #forgotten = 0

  /** @param onEvicted called for every item that goes only because there are too many */
  constructor(
    clock: Clock,
    { ttlMs, itemsMax, onEvicted = () => {} }: { ttlMs: number, itemsMax: number, onEvicted?: () => void },
  ) {
    // lru-cache takes a start of 0 for "never ages", hence the 1.
    const perf = { now: (): number => clock.nowMs() + 1 }
    this.#items = new LRUCache({
      max: itemsMax, ttl: Math.max(1, ttlMs), ttlResolution: 0, perf,
      dispose: (_value, _key, reason) => { if (reason === 'evict') onEvicted() },
    })
    this.#changed = new LRUCache({
      max: CHANGES_MAX,
      dispose: ({ at }, _key, reason) => { if (reason === 'evict') this.#forgotten = Math.max(this.#forgotten, at) },
    })
  }

  get(key: Key): Value | undefined {
    return this.#items.get(key)
  }

  /** What the key was last known to have, however long ago. */
  peek(key: Key): Value | undefined {
    return this.#items.peek(key, { allowStale: true })
  }

  /** To be taken before a read is sent, and given to {@link learn} with what it brings. */
  mark(): number {
    return this.#changes
  }

  /** Keeps what a read brought, unless we changed the key meanwhile. @returns whether it was kept */
  learn(key: Key, value: Value, mark: number): boolean {
    if ((this.#changed.get(key)?.at ?? this.#forgotten) > mark) return false
    this.#items.set(key, value)
    return true
  }

  /** Notes that we changed the key, and what it is now where we know. */
  change(key: Key, value?: Value): void {
    this.#changed.set(key, { at: ++this.#changes })
    if (value === undefined) this.#items.delete(key)
    else this.#items.set(key, value)
  }

  clear(): void {
    this.#items.clear()
    this.#forgotten = ++this.#changes
  }
}
