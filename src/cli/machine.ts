import fs from 'node:fs'
import os from 'node:os'
import { createInterface } from 'node:readline/promises'
import { Client } from '../client/index.ts'
import type { Machine } from './context.ts'

/** The machine and user that this process runs as. */
export function thisMachine(): Machine {
  const umask = process.umask(0)
  process.umask(umask)
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    watched: process.stderr.isTTY,
    confirm: process.stdin.isTTY && process.stderr.isTTY ? confirm : undefined,
    folder: process.cwd(),
    masterVariable: process.env.DFS_MASTER,
    caller: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, groups: process.getgroups?.() ?? [] },
    umask,
    mountInfo: () => {
      try {
        return fs.readFileSync('/proc/self/mountinfo', 'utf8')
      } catch {
        return ''
      }
    },
    connect: masters => Client.connect({ masters, host: os.hostname() }),
  }
}

/** Anything but yes means no, as does the end of the input. */
async function confirm(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const ended = new Promise<string>(resolve => { terminal.once('close', () => { resolve('') }) })
  try {
    return /^y(es)?$/i.test((await Promise.race([terminal.question(`${question} [y/N] `), ended])).trim())
  } finally {
    terminal.close()
  }
}
