import type { Clock } from '../../seams/clock.ts'

/** The rate is taken over this time, in ms. */
const WINDOW_MS = 10_000

/** What has been copied, and how fast it goes. */
export class Meter {
  readonly #clock: Clock
  #recent: { atMs: number, bytes: number }[] = []
  copies = 0
  bytes = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(bytes: number): void {
    this.copies++
    this.bytes += bytes
    const nowMs = this.#clock.nowMs()
    const last = this.#recent.at(-1)
    // Many small ones of one moment are one.
    if (last !== undefined && nowMs - last.atMs < 100) last.bytes += bytes
    else this.#recent.push({ atMs: nowMs, bytes })
    this.#forget(nowMs)
  }

  /** Of the last seconds. */
  get bytesPerSecond(): number {
    this.#forget(this.#clock.nowMs())
    return Math.round(this.#recent.reduce((sum, { bytes }) => sum + bytes, 0) * 1_000 / WINDOW_MS)
  }

  #forget(nowMs: number): void {
    this.#recent = this.#recent.filter(({ atMs }) => nowMs - atMs < WINDOW_MS)
  }
}
