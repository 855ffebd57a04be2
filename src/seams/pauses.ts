/** How long a process could not react to anything. */
export interface Pause {
  pauseMs: number
  /** How long it was at work itself in one pause; the rest of the time the machine had others to serve, or a disk was slow. */
  workMs: number
}

/** How long this process could not react to anything. */
export interface Pauses {
  /** The longest pause since the last call, and the longest work. */
  take(): Pause
}

/** How often it is looked whether time goes on, in ms: shorter pauses are not seen. */
const RESOLUTION_MS = 10

/**
 * Those of the real event loop. Not by Node's monitorEventLoopDelay: after a reset that misses a pause which begins before
 * its next tick, and whatever else happens every second begins just then.
 */
export function eventLoopPauses(): Pauses {
  let lastMs = performance.now()
  let workedMs = threadMs()
  let longest: Pause = { pauseMs: 0, workMs: 0 }
  const look = (): void => {
    const nowMs = performance.now()
    const workMs = threadMs()
    longest = {
      pauseMs: Math.max(longest.pauseMs, nowMs - lastMs - RESOLUTION_MS),
      workMs: Math.max(longest.workMs, workMs - workedMs - RESOLUTION_MS),
    }
    lastMs = nowMs
    workedMs = workMs
  }
  setInterval(look, RESOLUTION_MS).unref()
  return {
    take: () => {
      look()
      const taken = longest
      longest = { pauseMs: 0, workMs: 0 }
      return taken
    },
  }
}

/** Time on a processor that this thread has had, in ms. */
function threadMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

/** For a world in which nothing takes time. */
export const noPauses: Pauses = { take: () => ({ pauseMs: 0, workMs: 0 }) }
