import fs from 'node:fs'
import os from 'node:os'
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
