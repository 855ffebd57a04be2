import fs from 'node:fs'
import { LRUCache } from 'lru-cache'

/** A process may change its groups, and a number may pass to another process: no answer is used for longer. */
const GROUPS_MS_MAX = 1_000
const SIGKILL_BIT = 1n << 8n

const remembered = new LRUCache<number, number[]>({ max: 512, ttl: GROUPS_MS_MAX })

/** Supplementary groups of a process; none where it cannot be seen (it is gone, or in another PID namespace). */
export function groupsOf(pid: number): number[] {
  if (pid === 0) return []
  const known = remembered.get(pid)
  if (known !== undefined) return known
  const groups = parseGroups(statusOf(pid))
  remembered.set(pid, groups)
  return groups
}

/** The supplementary groups in the text of /proc/PID/status. A process may well have none. */
export function parseGroups(status: string): number[] {
  const line = /^Groups:(.*)$/m.exec(status)?.[1] ?? ''
  return [...line.matchAll(/\d+/g)].map(([digits]) => Number(digits))
}

/** Whether a process only waits for us to let go of it so that it can die. */
export function isDying(pid: number): boolean {
  const status = statusOf(pid)
  return [...status.matchAll(/^(?:SigPnd|ShdPnd):\s*([0-9a-f]+)$/gm)]
    .some(([, mask]) => (BigInt(`0x${mask ?? '0'}`) & SIGKILL_BIT) !== 0n)
}

/** Reading this waits for no lock that a process stuck in a file operation might hold, unlike its command line. */
function statusOf(pid: number): string {
  try {
    return fs.readFileSync(`/proc/${String(pid)}/status`, 'latin1')
  } catch {
    return ''
  }
}
