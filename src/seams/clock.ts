/** A pending call of {@link Clock.after}; cancelling one that already ran does nothing. */
export interface Timer {
  cancel(): void
}

/** Time as the product may see it. The simulation passes a virtual one. */
export interface Clock {
  /** Monotonic time in ms, for deadlines and leases; its zero means nothing. */
  nowMs(): number
  /** Wall-clock time in ns since 1970, for the timestamps users see. */
  wallNs(): bigint
  /** Calls `run` once, `delayMs` from now. */
  after(delayMs: number, run: () => void): Timer
}

/** Waits `delayMs`; ends early, without an error, when `signal` aborts. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal?.aborted === true) { resolve(); return }
    const done = (): void => {
      timer.cancel()
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = clock.after(delayMs, done)
    signal?.addEventListener('abort', done, { once: true })
  })
}

/** How far the fast clock may stray from the system's before it is set again. */
const DRIFT_MS_MAX = 5
let offsetMs = performance.timeOrigin

/** The system's time to the µs: Date.now() counts whole ms, and two writes within one must not look alike. */
function wallNs(): bigint {
  if (Math.abs(offsetMs + performance.now() - Date.now()) > DRIFT_MS_MAX) offsetMs = Date.now() - performance.now()
  return BigInt(Math.round((offsetMs + performance.now()) * 1_000)) * 1_000n
}

/** The machine's own clock. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallNs,
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs)
    return { cancel: () => { clearTimeout(timer) } }
  },
}
