import { readFileSync } from 'node:fs'

/** In which Linux counts processor time. */
const TICK_MS = 10

/** Time on processors that a process has had since it started, in ms. */
export function processorMs(pid: number): number {
  const fields = readFileSync(`/proc/${String(pid)}/stat`, 'utf8').replace(/^.*\) /, '').split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}
