import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

const whole = z.int().min(0)

/** A process that cannot be mistaken for a later one with the same number. */
export const processIdentity = z.object({
  pid: z.int().min(2),
  /** When it started, in clock ticks since boot: field 22 of /proc/PID/stat. */
  startTicks: z.string().regex(/^\d+$/),
  bootId: z.string(),
})
export type ProcessIdentity = z.infer<typeof processIdentity>

export const role = z.enum(['master', 'chunkserver', 'mount'])
export type Role = z.infer<typeof role>

const processRecord = z.object({
  role,
  name: z.string(),
  /** HOST:PORT that it listens at; of the mount, its directory. */
  address: z.string(),
  /** Where it keeps its data; empty for the mount, which keeps none. */
  data: z.string(),
  log: z.string(),
  /** Absent once it was stopped. */
  process: processIdentity.optional(),
})
export type ProcessRecord = z.infer<typeof processRecord>

/**
 * Network namespaces that the servers run in, so that they can be cut off from one another: the master in NAME-0, the
 * chunkservers in NAME-1 and so on. They exist already, and each has the address SUBNET.(10 + its number).
 */
export const network = z.object({ name: z.string(), subnet: z.string() })
export type Namespaces = z.infer<typeof network>

const settings = z.object({
  chunkservers: whole,
  replicas: whole,
  chunkSize: z.string().optional(),
  trashTime: z.string().optional(),
  mount: z.string().optional(),
  masterOptions: z.array(z.string()),
  chunkserverOptions: z.array(z.string()),
  mountOptions: z.string().optional(),
  network: network.optional(),
})
export type Settings = z.infer<typeof settings>

const clusterState = z.object({ format: z.literal(1), settings, processes: z.array(processRecord) })
/** What is known of a throw-away cluster between two commands: DIR/run.json. */
export type ClusterState = z.infer<typeof clusterState>

export const stateFile = (dir: string): string => join(dir, 'run.json')

/** The cluster of a folder; undefined where there never was one. */
export function readState(dir: string): ClusterState | undefined {
  let text: string
  try {
    text = readFileSync(stateFile(dir), 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  try {
    return clusterState.parse(JSON.parse(text))
  } catch (error) {
    throw new Error(`${stateFile(dir)} is not what scripts/cluster wrote`, { cause: error })
  }
}

/** Replaces the state as a whole: whoever reads meanwhile, or after a crash, sees the old one or the new one. */
export function writeState(dir: string, state: ClusterState): void {
  mkdirSync(dir, { recursive: true })
  const next = `${stateFile(dir)}.${String(process.pid)}`
  const file = openSync(next, 'w')
  try {
    writeSync(file, `${JSON.stringify(state, null, 2)}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(next, stateFile(dir))
}
