import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { forceUnmount, mountAnswers } from './mount-point.ts'
import { freePort, listensAt } from './ports.ts'
import { eventually, isRunning, logTail, startDaemon, stopAll } from './processes.ts'
import { registeredServers } from './registered.ts'
import { readState, writeState, type ClusterState, type Namespaces, type ProcessRecord, type Role, type Settings } from './state.ts'

/** What `up` was asked for; what is absent is as it was, or the default. */
export interface UpRequest {
  dir: string
  /** Where to; false for servers only. */
  mount?: string | false | undefined
  chunkservers?: number | undefined
  replicas?: number | undefined
  chunkSize?: string | undefined
  /** How long removed files are kept; not at all by default. */
  trashTime?: string | undefined
  portBase?: number | undefined
  masterOptions?: readonly string[] | undefined
  chunkserverOptions?: readonly string[] | undefined
  mountOptions?: string | undefined
  network?: Namespaces | undefined
}

/** How long a process may take until it serves, in ms: a journal may have to be read first. */
const START_MS_MAX = 60_000
/** Another port is tried this often where one was taken between our look and the start. */
const PORT_ATTEMPTS = 3
const STOP_MS = 20_000
/** In a namespace of its own no server meets another. */
const NAMESPACE_PORT = 9_400

const bin = (name: string): string => join(import.meta.dirname, '../../bin', name)

/**
 * Starts whatever of the cluster does not run, and returns when it can be used.
 * @param say told of every step, for people
 */
export async function up(request: UpRequest, say: (line: string) => void): Promise<ClusterState> {
  // 1. What it should be: as asked for now, else as before.
  const before = readState(request.dir)
  const state: ClusterState = {
    format: 1, settings: settle(request, before?.settings), processes: before?.processes ?? [],
  }
  const { settings } = state
  mkdirSync(request.dir, { recursive: true })

  // 2. The master, whose address all others need.
  const wasUp = isRunning(find(state, 'master')?.process)
  if (wasUp && before !== undefined && restartNeeded(before.settings, settings)) {
    say('the master keeps its old options until the next down and up')
  }
  const master = await server(request, state, 'master', 0, say, address => [
    '--data', join(request.dir, 'master'), '--listen', address, '--replicas', String(settings.replicas),
    // Throw-away clusters live on the nearly full disks of developers.
    '--min-free', '0.01',
    '--trash-time', settings.trashTime ?? '0',
    ...(settings.chunkSize === undefined ? [] : ['--chunk-size', settings.chunkSize]), ...settings.masterOptions,
  ])

  // 3. The chunkservers, each as if on a machine in a rack of its own, so that replicas spread over them.
  await Promise.all(Array.from({ length: settings.chunkservers }, (_, index) => index + 1).map(number =>
    server(request, state, 'chunkserver', number, say, address => [
      '--data', join(request.dir, `chunkserver-${String(number)}`), '--master', master.address, '--listen', address,
      '--rack', `rack-${String(number)}`, '--host', `host-${String(number)}`, ...settings.chunkserverOptions,
    ])))
  const known = await eventually(
    async () => await registeredServers(master.address) >= settings.chunkservers, START_MS_MAX)
  if (!known) throw new Error(`the master does not see all chunkservers: look into ${join(request.dir, 'logs')}`)

  // 4. The mount, last: from here on it is used.
  if (settings.mount !== undefined) await mount(request.dir, state, settings.mount, master.address, say)
  return state
}

function settle(request: UpRequest, before: Settings | undefined): Settings {
  const chunkservers = Math.max(request.chunkservers ?? before?.chunkservers ?? 3, before?.chunkservers ?? 0)
  const optional = {
    chunkSize: request.chunkSize ?? before?.chunkSize,
    trashTime: request.trashTime ?? before?.trashTime,
    mount: request.mount === false ? undefined : request.mount ?? before?.mount,
    mountOptions: request.mountOptions ?? before?.mountOptions,
    network: request.network ?? before?.network,
  }
  return {
    chunkservers,
    replicas: request.replicas ?? before?.replicas ?? Math.min(3, chunkservers),
    masterOptions: [...request.masterOptions ?? before?.masterOptions ?? []],
    chunkserverOptions: [...request.chunkserverOptions ?? before?.chunkserverOptions ?? []],
    ...(optional.chunkSize === undefined ? {} : { chunkSize: optional.chunkSize }),
    ...(optional.trashTime === undefined ? {} : { trashTime: optional.trashTime }),
    ...(optional.mount === undefined ? {} : { mount: optional.mount }),
    ...(optional.mountOptions === undefined ? {} : { mountOptions: optional.mountOptions }),
    ...(optional.network === undefined ? {} : { network: optional.network }),
  }
}

function restartNeeded(before: Settings, now: Settings): boolean {
  const ofMaster = ({ replicas, chunkSize, trashTime, masterOptions }: Settings): string =>
    JSON.stringify([replicas, chunkSize, trashTime, masterOptions])
  return ofMaster(before) !== ofMaster(now)
}

const find = (state: ClusterState, name: string): ProcessRecord | undefined =>
  state.processes.find(record => record.name === name)

/** Notes a process before anything else can go wrong: what is not noted is never stopped. */
function note(dir: string, state: ClusterState, record: ProcessRecord): void {
  state.processes = [...state.processes.filter(({ name }) => name !== record.name), record]
    .sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name, undefined, { numeric: true }))
  writeState(dir, state)
}

const rank = (record: ProcessRecord): number => ['master', 'chunkserver', 'mount'].indexOf(record.role)

/** Sees to it that the master (number 0) or a chunkserver runs, always at the same address. */
async function server(
  { dir, portBase }: UpRequest, state: ClusterState, role: Role, number: number, say: (line: string) => void,
  argsAt: (address: string) => string[],
): Promise<ProcessRecord> {
  const name = number === 0 ? role : `${role}-${String(number)}`
  const old = find(state, name)
  if (old !== undefined && isRunning(old.process)) return old
  for (let attempt = 1; ; attempt++) {
    const { network } = state.settings
    const address = old?.address ?? (network === undefined
      ? `127.0.0.1:${String(portBase === undefined ? await freePort(portsOf(state)) : portBase + number)}`
      : `${network.subnet}.${String(10 + number)}:${String(NAMESPACE_PORT)}`)
    const log = join(dir, 'logs', `${name}.log`)
    const [command, args] = inNamespace(network, number, bin(`dfs-${role}`), argsAt(address))
    const { process: identity, logStart } = startDaemon(command, args, log)
    const record = { role, name, address, data: join(dir, name), log, process: identity }
    note(dir, state, record)
    const port = Number(address.split(':')[1])
    await eventually(() => listensAt(identity.pid, port) || !isRunning(identity), START_MS_MAX)
    if (isRunning(identity) && listensAt(identity.pid, port)) {
      say(`${name} listens at ${address}`)
      return record
    }
    await stopAll([identity], STOP_MS)
    const reason = logTail(log, logStart)
    if (old !== undefined || portBase !== undefined || attempt === PORT_ATTEMPTS || !/port|EADDRINUSE/i.test(reason)) {
      throw new Error(`${name} did not start (${log}):\n${reason}`)
    }
  }
}

/** A program and its arguments, run in the network namespace of a server. It is the process that nsenter begins as. */
function inNamespace(network: Namespaces | undefined, number: number, command: string, args: string[]): [string, string[]] {
  if (network === undefined) return [command, args]
  return ['nsenter', [`--net=/run/netns/${network.name}-${String(number)}`, command, ...args]]
}

const portsOf = (state: ClusterState): Set<number> =>
  new Set(state.processes.map(record => Number(record.address.split(':')[1])))

async function mount(
  dir: string, state: ClusterState, path: string, master: string, say: (line: string) => void,
): Promise<void> {
  const old = find(state, 'mount')
  if (old !== undefined && isRunning(old.process)) {
    if (old.address !== path) throw new Error(`mounted at ${old.address} already: stop it first (scripts/cluster down)`)
    if (await eventually(() => mountAnswers(path), 1_000)) return
    await stopAll([old.process], STOP_MS)
  }
  // A server that was killed leaves its mount behind, answering everything with an error.
  if (old !== undefined) await forceUnmount(old.address)
  mkdirSync(path, { recursive: true })
  const log = join(dir, 'logs', 'mount.log')
  const options = state.settings.mountOptions === undefined ? [] : ['-o', state.settings.mountOptions]
  const started = startDaemon(bin('dfs-mount'), [master, path, '--foreground', ...options], log)
  note(dir, state, { role: 'mount', name: 'mount', address: path, data: '', log, process: started.process })
  await eventually(async () => await mountAnswers(path) || !isRunning(started.process), START_MS_MAX)
  if (!isRunning(started.process) || !await mountAnswers(path)) {
    await stopAll([started.process], STOP_MS)
    throw new Error(`the mount does not answer (${log}):\n${logTail(log, started.logStart)}`)
  }
  say(`mounted at ${path}`)
}
