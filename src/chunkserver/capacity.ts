import type { Capacity } from '../seams/disk.ts'

/**
 * What a server says of its disk when it may use only a part of it: that part is its capacity, and its replicas are what is
 * used of it. What others have left of the disk still bounds what is free.
 * @param bound in bytes; none is all of the disk @param usedBytes of all replicas
 */
export function capacityWithin(bound: number | undefined, disk: Capacity, usedBytes: number): Capacity {
  if (bound === undefined) return disk
  const totalBytes = Math.min(bound, disk.totalBytes)
  return { totalBytes, freeBytes: Math.max(0, Math.min(disk.freeBytes, totalBytes - usedBytes)) }
}
