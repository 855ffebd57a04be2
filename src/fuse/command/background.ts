import { spawn } from 'node:child_process'
import { openSync, writeSync, closeSync } from 'node:fs'

/** How the process in the background tells the one that started it what became of it. */
export interface Report {
  ready(): void
  failed(sentence: string): void
}

const READY = 'ready\n'
const REPORT_FD = 3

/** Reports through an inherited pipe; to nobody where there is none. */
export function reportTo(fd: number | undefined): Report {
  const tell = (text: string): void => {
    if (fd === undefined) return
    try {
      writeSync(fd, text)
      closeSync(fd)
    } catch {
      // Whoever started us has gone: there is nobody to tell.
    }
  }
  return { ready: () => { tell(READY) }, failed: tell }
}

/**
 * Starts the same command again, in a session of its own and in the foreground there, and waits until its mount answers.
 * @returns why it does not; undefined when it does
 */
export async function startInBackground(
  { script, argv, logFile }: { script: string, argv: readonly string[], logFile: string | undefined },
): Promise<string | undefined> {
  const log = logFile === undefined ? 'ignore' as const : openSync(logFile, 'a', 0o640)
  // In the root directory, so that no other file system is kept busy.
  const child = spawn(process.execPath,
    [...process.execArgv, script, ...argv, '--foreground', '--ready-fd', String(REPORT_FD)],
    { detached: true, cwd: '/', stdio: ['ignore', 'ignore', log, 'pipe'] })
  const pipe = child.stdio[REPORT_FD]
  if (pipe === undefined || pipe === null || !('setEncoding' in pipe)) return 'no pipe to the process in the background'
  let text = ''
  pipe.setEncoding('utf8').on('data', (piece: string) => { text += piece })
  await new Promise<void>((resolve, reject) => {
    pipe.once('close', resolve)
    child.once('error', reject)
  })
  child.unref()
  if (text === READY) return undefined
  return text.trim() || `the process in the background ended${logFile === undefined ? '' : `: see ${logFile}`}`
}
