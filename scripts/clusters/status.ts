import { mountAnswers } from './mount-point.ts'
import { isRunning } from './processes.ts'
import { readState, type Role } from './state.ts'

/** One process of a cluster, as `status` shows it. */
export interface ProcessStatus {
  role: Role
  name: string
  state: 'running' | 'stopped' | 'not answering'
  pid: number | null
  /** HOST:PORT; of the mount, its directory. */
  address: string
  data: string
  log: string
}

export interface Status {
  dir: string
  mount: string | null
  running: boolean
  processes: ProcessStatus[]
}

/** How a cluster is; undefined where there is none. */
export async function status(dir: string): Promise<Status | undefined> {
  const state = readState(dir)
  if (state === undefined) return undefined
  const processes = await Promise.all(state.processes.map(async (record): Promise<ProcessStatus> => {
    const { role, name, address, data, log } = record
    const facts = { role, name, address, data, log }
    if (!isRunning(record.process)) return { ...facts, state: 'stopped', pid: null }
    const answers = role !== 'mount' || await mountAnswers(address)
    return { ...facts, state: answers ? 'running' : 'not answering', pid: record.process.pid }
  }))
  return {
    dir, mount: state.settings.mount ?? null,
    running: processes.length > 0 && processes.every(process => process.state === 'running'), processes,
  }
}

/** For people: aligned columns. */
export function statusTable({ processes }: Status): string {
  const rows = [['NAME', 'STATE', 'PID', 'ADDRESS', 'DATA'], ...processes.map(process =>
    [process.name, process.state, process.pid === null ? '-' : String(process.pid), process.address, process.data || '-'])]
  const widths = rows.reduce((most, row) => row.map((cell, column) => Math.max(cell.length, most[column] ?? 0)), [0])
  return rows.map(row => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()).join('\n')
}
