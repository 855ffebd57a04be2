import { isAsSpread } from '../chunks/placement.ts'
import { meanShare, shareOf, type Holder } from './shares.ts'

/** What may move: a chunk's size, and the servers that have good replicas of it. */
export interface Movable {
  readonly lengthBytes: number
  readonly held: readonly Holder[]
}

/**
 * A move changes the difference between its two servers by this much of itself at the most. Below 2 each move lessens the sum
 * of the squared distances from the mean, so that none is ever undone; the rest is for what disks tell late and round up.
 */
const OVERSHOOT_MAX = 1.5

/** Servers that have to give something away, the fullest first. */
export function giversIn(holders: readonly Holder[], threshold: number): Holder[] {
  const mean = meanShare(holders)
  // Where one is too empty, all that have more than the mean give to it.
  const bar = holders.some(holder => shareOf(holder) < mean - threshold) ? mean : mean + threshold
  return holders.filter(holder => shareOf(holder) > bar).sort((one, other) => shareOf(other) - shareOf(one))
}

/**
 * Chooses where a replica of `giver` should go: to the emptiest server that may have it. None where every move would make
 * the shares more different, or the chunk's replicas stand nearer together.
 * @param mean what is used of all disks together
 */
export function takerFor(
  giver: Holder, { lengthBytes, held }: Movable, takers: readonly Holder[],
  { mean, threshold }: { mean: number, threshold: number },
): Holder | undefined {
  const bar = shareOf(giver) > mean + threshold ? mean : mean - threshold
  const others = held.filter(({ id }) => id !== giver.id)
  return takers
    .filter(taker => shareOf(taker) < bar)
    .sort((one, other) => shareOf(one) - shareOf(other))
    .find(taker => held.every(({ id }) => id !== taker.id)
      && evensOut(giver, taker, lengthBytes)
      && isAsSpread([...others, taker], held))
}

function evensOut(giver: Holder, taker: Holder, lengthBytes: number): boolean {
  const change = lengthBytes / giver.totalBytes + lengthBytes / taker.totalBytes
  return lengthBytes > 0 && change <= OVERSHOOT_MAX * (shareOf(giver) - shareOf(taker))
}
