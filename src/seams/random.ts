import { randomBytes, randomInt } from 'node:crypto'

/** Chance as the product may use it. The simulation passes a seeded one. */
export interface Random {
  /** A number in [0, 1). */
  fraction(): number
  /** A whole number in [0, 2^48). */
  identifier(): number
  bytes(count: number): Buffer
}

export const systemRandom: Random = {
  fraction: () => randomInt(2 ** 47) / 2 ** 47,
  identifier: () => randomBytes(6).readUIntBE(0, 6),
  bytes: count => randomBytes(count),
}
