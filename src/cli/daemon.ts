import { readFileSync } from 'node:fs'
import { pino } from 'pino'
import { InvalidArgumentError } from 'commander'
import { asDfsError } from '../protocol/errors.ts'
import type { Log } from '../seams/log.ts'

/** The version that every command prints. */
export const version: string = versionOf(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

function versionOf(packageFile: string): string {
  const parsed: unknown = JSON.parse(packageFile)
  return typeof parsed === 'object' && parsed !== null && 'version' in parsed ? String(parsed.version) : 'unknown'
}

export const logLevels = ['debug', 'info', 'warn', 'error'] as const

/** A log on standard error, one JSON object a line: what journald and every log shipper understand. */
export function standardErrorLog(name: string, level: string): Log {
  return pino({ name, level, base: { name, pid: process.pid }, serializers: { error: pino.stdSerializers.err } },
    pino.destination({ dest: 2, sync: true }))
}

export interface Running {
  /** Where the daemon can be reached, for the line that says it is up. */
  address: string
  stop(): Promise<void>
}

/** How long a daemon may take to end after SIGTERM before it is ended for it, in ms. */
const STOP_MS_MAX = 30_000

/**
 * Starts a daemon and runs it until SIGTERM or SIGINT, then stops it and exits with 0; a second signal exits at once.
 * A start that fails prints one line and exits with 1. A promise nobody handles is our own bug: logged, and exit 70.
 */
export async function runDaemon(name: string, log: Log, start: () => Promise<Running>): Promise<void> {
  process.on('uncaughtException', error => {
    log.error({ error }, 'a fault in the program: stopping, so that nothing goes on in an unknown state')
    process.exit(70)
  })
  let running: Running
  try {
    running = await start()
  } catch (error) {
    process.stderr.write(`${name}: ${asDfsError(error).message}\n`)
    process.exit(1)
  }
  const ended = new Promise<void>((resolve, reject) => {
    let stopping = false
    const signalled = (signal: NodeJS.Signals): void => {
      if (stopping) process.exit(1)
      stopping = true
      log.info({ signal }, 'stopping')
      setTimeout(() => { process.exit(1) }, STOP_MS_MAX).unref()
      running.stop().then(resolve, reject)
    }
    process.on('SIGTERM', signalled)
    process.on('SIGINT', signalled)
  })
  // Last, since whoever reads it may send a signal at once.
  log.info({ address: running.address }, `${name} is up at ${running.address}`)
  await ended
  log.info({}, `${name} has stopped`)
  process.exit(0)
}

const units = { k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 } as const

/** Bytes of a size as people write it: 65536, 64K, 64KiB, 1.5G. For commander's options. */
export function sizeArgument(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])(?:i?b)?|b)?$/i.exec(text)
  if (match === null) throw new InvalidArgumentError('expected a size such as 64MiB')
  const unit = match[2]?.toLowerCase() as keyof typeof units | undefined
  return Math.round(Number(match[1]) * (unit === undefined ? 1 : units[unit]))
}

const durationUnits = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const

/** Milliseconds of a time as people write it: 90s, 30m, 12h, 7d, 2w; 0 needs no unit. For commander's options. */
export function durationArgument(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|[smhdw])$/.exec(text)
  if (text === '0') return 0
  if (match === null) throw new InvalidArgumentError('expected a time such as 12h or 7d')
  return Math.round(Number(match[1]) * durationUnits[match[2] as keyof typeof durationUnits])
}

/** A whole number from `min` to `max`, for commander's options. */
export function wholeArgument(min: number, max: number): (text: string) => number {
  return text => {
    const value = Number(text)
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new InvalidArgumentError(`expected a whole number from ${String(min)} to ${String(max)}`)
    }
    return value
  }
}
