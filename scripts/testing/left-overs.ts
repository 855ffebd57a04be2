import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { spawnSync } from 'node:child_process'
import { fuseMountsUnder } from '../clusters/mounts.ts'

/** The variable by which every process that a test file starts, however detached, can be told from others. */
export const MARK = 'DFS_TEST_FILE'

/**
 * Ends the mounts under a folder as if their server had died: aborting the connection frees every process that waits
 * for an answer, which no signal does.
 */
export function endMountsUnder(folder: string): string[] {
  const mounts = fuseMountsUnder(folder)
  for (const mount of mounts) {
    try {
      writeFileSync(`/sys/fs/fuse/connections/${String(mount.connection)}/abort`, '1')
    } catch {
      // Its server is gone already, and the connection with it.
    }
    spawnSync('umount', ['-l', mount.path], { timeout: 10_000 })
  }
  return mounts.map(mount => mount.path)
}

/** Kills every process that carries the mark with this value; returns what they were called. */
export async function killMarked(value: string): Promise<string[]> {
  const wanted = `${MARK}=${value}`
  const pids = readdirSync('/proc').filter(name => /^\d+$/.test(name) && Number(name) !== process.pid)
  const found = await Promise.all(pids.map(async pid => {
    // Reading the environment of a process stuck in a dead mount can block for ever: it is given two seconds.
    const environment = await Promise.race([
      readFile(`/proc/${pid}/environ`, 'latin1').catch(() => ''), sleep(2_000, '', { ref: false }),
    ])
    return environment.split('\0').includes(wanted) ? [pid] : []
  }))
  return found.flat().flatMap(pid => {
    try {
      const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
      process.kill(Number(pid), 'SIGKILL')
      return [`${name} (${pid})`]
    } catch {
      return [] // It ended by itself meanwhile.
    }
  })
}
