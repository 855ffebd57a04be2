import type { Place } from '../chunks/placement.ts'

/** A server whose use of its disk is to become like that of the others. */
export interface Holder extends Place {
  readonly totalBytes: number
  readonly usedBytes: number
}

/** What is used of all disks together, 0 to 1. */
export function meanShare(holders: readonly Holder[]): number {
  const totalBytes = holders.reduce((sum, holder) => sum + holder.totalBytes, 0)
  const usedBytes = holders.reduce((sum, holder) => sum + holder.usedBytes, 0)
  return totalBytes === 0 ? 0 : usedBytes / totalBytes
}

export function shareOf({ totalBytes, usedBytes }: Pick<Holder, 'totalBytes' | 'usedBytes'>): number {
  return totalBytes === 0 ? 0 : usedBytes / totalBytes
}

/** How many bytes have to move at least until every server is within `threshold` of the mean. */
export function leftBytes(holders: readonly Holder[], threshold: number): number {
  const mean = meanShare(holders)
  let tooMuch = 0
  let tooLittle = 0
  for (const holder of holders) {
    const distance = shareOf(holder) - mean
    if (distance > threshold) tooMuch += (distance - threshold) * holder.totalBytes
    if (distance < -threshold) tooLittle += (-distance - threshold) * holder.totalBytes
  }
  return Math.round(Math.max(tooMuch, tooLittle))
}
