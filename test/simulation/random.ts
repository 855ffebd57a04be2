import type { Random } from '../../src/seams/random.ts'

/** Chance from a seed: the same seed, the same numbers. Mulberry32, by Tommy Ettinger. */
export class SeededRandom implements Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number in [0, below). */
  below(below: number): number {
    return Math.floor(this.fraction() * below)
  }

  chance(probability: number): boolean {
    return this.fraction() < probability
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)]
    if (item === undefined) throw new RangeError('nothing to pick from')
    return item
  }

  identifier(): number {
    return this.below(2 ** 24) * 2 ** 24 + this.below(2 ** 24)
  }

  bytes(count: number): Buffer {
    const bytes = Buffer.allocUnsafe(count)
    for (let at = 0; at < count; at++) bytes[at] = this.below(256)
    return bytes
  }

  /** A generator of its own, so that one part drawing more does not change what another draws. */
  fork(): SeededRandom {
    return new SeededRandom(this.below(2 ** 32))
  }
}
