import type { Clock } from './clock.ts'
import type { Disk } from './disk.ts'
import type { Log } from './log.ts'
import type { Network } from './network.ts'
import type { Random } from './random.ts'

/** The outside world, as passed to whoever needs all of it. */
export interface Seams {
  clock: Clock
  disk: Disk
  network: Network
  random: Random
  log: Log
}
