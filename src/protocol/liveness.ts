import type { Clock, Timer } from '../seams/clock.ts'

/** How often a link that is in use is looked at, in ms. */
const TICK_MS = 500

/** Looks in a row that found no sign of life, after which the other end is taken for gone. */
const SILENT_TICKS = 6

export interface Watched {
  clock: Clock
  /** Whether the other end waits for us to answer something. */
  isServing(): boolean
  /** Bytes that we sent and that have not left this process. */
  unsentBytes(): number
  /** Tells the other end that we are still there. */
  sayAlive(): void
  /** Nothing came from the other end for long, although it owes an answer. */
  onSilent(): void
}

/**
 * Finds out within 3 to 3.5 s that a peer is gone which no closed connection tells of: stopped, frozen, or behind a cut cable.
 * Whoever works on an answer says twice a second that it is still there, so slow work is never taken for silence. It counts
 * looks instead of time: a process that was itself stopped hears what has come meanwhile before it judges.
 */
export class Liveness {
  readonly #watched: Watched
  #timer: Timer | undefined
  #owed = false
  #silentTicks = 0
  #unsentBefore = 0

  constructor(watched: Watched) {
    this.#watched = watched
  }

  /** Something was asked, or arrived to be answered. @param owed whether the other end now owes us a sign */
  inUse(owed: boolean): void {
    this.#owed ||= owed
    this.#timer ??= this.#watched.clock.after(TICK_MS, this.#tick)
  }

  /** Something came. @param owed whether we wait for more */
  heard(owed: boolean): void {
    this.#silentTicks = 0
    this.#owed = owed
  }

  stop(): void {
    this.#timer?.cancel()
    this.#owed = false
  }

  readonly #tick = (): void => {
    this.#timer = undefined
    const watched = this.#watched
    const serving = watched.isServing()
    if (serving) watched.sayAlive()
    // A slow way is no silence: as long as our bytes leave, somebody takes them.
    const unsent = watched.unsentBytes()
    this.#silentTicks = !this.#owed || unsent < this.#unsentBefore ? 0 : this.#silentTicks + 1
    this.#unsentBefore = unsent
    if (this.#silentTicks >= SILENT_TICKS) {
      watched.onSilent()
      return
    }
    if (this.#owed || serving) this.#timer = watched.clock.after(TICK_MS, this.#tick)
    else this.#silentTicks = 0
  }
}
