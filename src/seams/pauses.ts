/** How long this process could not react to anything. */
export interface Pauses {
  /** The longest pause since the last call, in ms. */
  take(): number
}

/** How often it is looked whether time goes on, in ms: shorter pauses are not seen. */
const RESOLUTION_MS = 10

/**
 * Those of the real event loop. Not by Node's monitorEventLoopDelay: after a reset that misses a pause which begins before
 * its next tick, and whatever else happens every second begins just then.
 */
export function eventLoopPauses(): Pauses {
  let lastMs = performance.now()
  let longestMs = 0
  const look = (): void => {
    const nowMs = performance.now()
    longestMs = Math.max(longestMs, nowMs - lastMs - RESOLUTION_MS)
    lastMs = nowMs
  }
  setInterval(look, RESOLUTION_MS).unref()
  return {
    take: () => {
      look()
      const taken = longestMs
      longestMs = 0
      return taken
    },
  }
}

/** For a world in which nothing takes time. */
export const noPauses: Pauses = { take: () => 0 }
