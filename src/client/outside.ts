import type { Clock } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { Network } from '../seams/network.ts'
import type { Random } from '../seams/random.ts'

/** What a client takes from outside; it touches no disk. */
export interface Outside {
  clock: Clock
  network: Network
  random: Random
  log: Log
}
