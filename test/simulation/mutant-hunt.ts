import type { Mode, Mutant } from './mutants.ts'

/** What a run found to be wrong. */
export interface Failure {
  seed: number
  /** Of all clients together; undefined where the run did not end. */
  step: number | undefined
  /** The check that said so, in its words. */
  check: string
}

export interface Seeds {
  first: number
  count: number
}

/** Runs seed after seed, until one fails. */
export type Simulate = (mode: Mode, seeds: Seeds) => Promise<Failure | undefined>

export interface Hunted {
  caught: Failure | undefined
  /** Seeds that say nothing, since the product as it is fails them too. */
  skipped: number[]
}

/** The product as it is, asked about each seed of a mode once. */
export class Unmutated {
  readonly #simulate: Simulate
  readonly #known = new Map<string, Promise<Failure | undefined>>()

  constructor(simulate: Simulate) {
    this.#simulate = simulate
  }

  failure(mode: Mode, seed: number): Promise<Failure | undefined> {
    const key = `${nameOf(mode)} ${String(seed)}`
    const known = this.#known.get(key) ?? this.#simulate(mode, { first: seed, count: 1 })
    this.#known.set(key, known)
    return known
  }
}

/**
 * Looks for a seed that a mutant fails and the product as it is does not. Only seeds that failed are run without the
 * mutation: of the others it does not matter what the product as it is makes of them.
 * @param count seeds, from 1
 */
export async function hunt(mutant: Mutant, { simulate, unmutated, count }: {
  simulate: Simulate, unmutated: Unmutated, count: number
}): Promise<Hunted> {
  const skipped: number[] = []
  for (let first = 1; first <= count;) {
    const found = await simulate(mutant, { first, count: count + 1 - first })
    if (found === undefined) break
    if (await unmutated.failure(mutant, found.seed) === undefined) return { caught: found, skipped }
    skipped.push(found.seed)
    first = found.seed + 1
  }
  return { caught: undefined, skipped }
}

/** As the documentation and the table have it: `power, overlapping`. */
export function nameOf({ faults, overlapping }: Mode): string {
  return `${faults.join('+') || 'no faults'}${overlapping === true ? ', overlapping' : ''}`
}
