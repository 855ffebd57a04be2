import { forceUnmount } from './mount-point.ts'
import { isRunning, stopAll } from './processes.ts'
import { readState, writeState, type ProcessIdentity, type ProcessRecord } from './state.ts'

/** How long each process may take to end by itself, in ms. */
const STOP_MS = 20_000

const running = (records: readonly ProcessRecord[]): ProcessIdentity[] =>
  records.flatMap(record => isRunning(record.process) ? [record.process] : [])

/** Stops a cluster; its data stays. @returns what it was and what had to be killed; undefined where there is no cluster */
export async function down(dir: string): Promise<{ stopped: number, killed: number[] } | undefined> {
  const state = readState(dir)
  if (state === undefined) return undefined
  const mounts = state.processes.filter(record => record.role === 'mount')
  const servers = state.processes.filter(record => record.role !== 'mount')
  const stopped = running(state.processes).length

  // 1. The mount, while there are servers that take what it still has to write.
  const killed = await stopAll(running(mounts), STOP_MS)
  for (const mount of mounts) await forceUnmount(mount.address)
  // 2. The servers.
  killed.push(...await stopAll(running(servers), STOP_MS))

  state.processes = state.processes.map(({ role, name, address, data, log }) => ({ role, name, address, data, log }))
  writeState(dir, state)
  return { stopped, killed }
}
