import path from 'node:path'
import { pause, type Clock } from '../../seams/clock.ts'
import type { Log } from '../../seams/log.ts'
import { parseArguments } from './arguments.ts'
import { reportTo, startInBackground } from './background.ts'
import { serveMount, type Connect, type ServedMount } from './serve.ts'

export interface MountCommand {
  argv: readonly string[]
  /** The program itself, for starting it again in the background. */
  script: string
  version: string
  connect: Connect
  clock: Clock
  logAt: (level: string) => Log
}

/** As mount(8) says that nothing was mounted. */
const STATUS_NOT_MOUNTED = 32
/** How long a stop may take before it is done by force, in ms. */
const STOP_MS_MAX = 60_000
const FORCE_MS_MAX = 5_000

/** The whole of dfs-mount. @returns the exit status */
export async function runMountCommand({ argv, script, version, connect, clock, logAt }: MountCommand): Promise<number> {
  const complain = (text: string): void => { process.stderr.write(text) }
  const invocation = parseArguments(argv, version, text => {
    (text.startsWith('dfs-mount:') || text.startsWith('error:') ? process.stderr : process.stdout).write(text)
  })
  if (invocation.kind === 'over') return invocation.status
  const { source, options, foreground, readyFd } = invocation
  const mountPoint = path.resolve(invocation.mountPoint)

  if (!foreground) {
    // The process in the background starts elsewhere, so paths must not depend on where this one is.
    const failure = await startInBackground({
      script, argv: argv.map(argument => argument === invocation.mountPoint ? mountPoint : argument),
      logFile: options.logFile,
    }).catch((error: unknown) => error instanceof Error ? error.message : String(error))
    if (failure === undefined) return 0
    complain(`dfs-mount: ${failure}\n`)
    return STATUS_NOT_MOUNTED
  }

  const log = logAt(options.logLevel)
  const report = reportTo(readyFd)
  let mount: ServedMount
  try {
    mount = await serveMount({ source, mountPoint, options, connect, clock, log })
  } catch (error) {
    const sentence = error instanceof Error ? error.message : String(error)
    if (readyFd === undefined) {
      complain(`dfs-mount: ${sentence}\n`)
    } else {
      log.error({ error }, 'not mounted')
      report.failed(sentence)
    }
    return STATUS_NOT_MOUNTED
  }
  log.info({ mountPoint: mount.mountPoint, source: source.text }, `mounted ${source.text} at ${mount.mountPoint}`)
  report.ready()
  stopOnSignals(mount, clock, log)
  try {
    await mount.ended
  } catch (error) {
    log.error({ error }, 'the mount cannot be served any longer')
    await mount.force()
    return STATUS_NOT_MOUNTED
  }
  log.info({ mountPoint: mount.mountPoint }, 'unmounted')
  return 0
}

/** The first signal ends the mount in good order, the second one at once. */
function stopOnSignals(mount: ServedMount, clock: Clock, log: Log): void {
  let signals = 0
  const force = async (): Promise<void> => {
    await Promise.race([mount.force(), pause(clock, FORCE_MS_MAX)])
    process.exit(1)
  }
  const signalled = (signal: NodeJS.Signals): void => {
    signals++
    log.info({ signal }, signals === 1 ? 'writing everything out and unmounting' : 'unmounting by force')
    if (signals > 1) {
      void force()
      return
    }
    clock.after(STOP_MS_MAX, () => { void force() })
    mount.stop().catch((error: unknown) => {
      log.error({ error }, 'unmounting failed')
      void force()
    })
  }
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, signalled)
  process.on('uncaughtException', error => {
    log.error({ error }, 'a fault in the program: unmounting, so that nothing goes on in an unknown state')
    void force()
  })
}
