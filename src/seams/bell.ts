import type { Clock } from './clock.ts'

/** Ends somebody's waiting early. Ringing it costs next to nothing, where a signal makes an error each time it is aborted. */
export class Bell {
  #ringing = false
  #answer: (() => void) | undefined

  /** Whether it has been rung since it was last silenced. */
  get ringing(): boolean {
    return this.#ringing
  }

  ring(): void {
    this.#ringing = true
    this.#answer?.()
  }

  silence(): void {
    this.#ringing = false
  }

  /** Waits `delayMs`, for one caller at a time; not at all while it rings. */
  wait(clock: Clock, delayMs: number): Promise<void> {
    if (this.#ringing) return Promise.resolve()
    return new Promise(resolve => {
      const done = (): void => {
        timer.cancel()
        this.#answer = undefined
        resolve()
      }
      const timer = clock.after(delayMs, done)
      this.#answer = done
    })
  }
}
