import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { isRunning } from '../../scripts/clusters/processes.ts'
import { readState } from '../../scripts/clusters/state.ts'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** Why tests that mount cannot run here; undefined where they can. */
export const noMount: string | undefined =
  !existsSync('/dev/fuse') ? 'there is no /dev/fuse' : process.getuid?.() !== 0 ? 'mounting needs root' : undefined

/** Options for `t.test` of a test that mounts. */
export const mounting = noMount === undefined ? {} : { skip: `SKIPPED, NOT TESTED: ${noMount}` }

export interface Ran {
  code: number
  stdout: string
  stderr: string
}

const COMMAND_MS_MAX = 120_000

/** Runs a program to its end, whatever its exit code. */
export function run(
  command: string, args: readonly string[], options: { cwd?: string, uid?: number, gid?: number, input?: string, timeoutMs?: number } = {},
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, {
      encoding: 'latin1', maxBuffer: 64 * 1024 * 1024, timeout: options.timeoutMs ?? COMMAND_MS_MAX, killSignal: 'SIGKILL',
      cwd: options.cwd ?? root, ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.gid ?? options.uid }),
    }, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== 'number') {
        reject(new Error(`${command} ${args.join(' ')}: ${error.signal ?? error.message}\n${stdout}${stderr}`))
      } else {
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
      }
    })
    // A program need not read its input.
    child.stdin?.on('error', () => {})
    child.stdin?.end(options.input ?? '')
  })
}

/** Runs a program that must succeed; gives what it printed. */
export async function must(command: string, args: readonly string[], options: Parameters<typeof run>[2] = {}): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, options)
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} exited with ${String(code)}:\n${stdout}${stderr}`)
  return stdout
}

/** A shell script that must succeed, stopping at its first failure. */
export function shell(script: string, options: Parameters<typeof run>[2] = {}): Promise<string> {
  return must('bash', ['-euo', 'pipefail', '-c', script], options)
}

export interface ClusterProcess {
  name: string
  role: 'master' | 'chunkserver' | 'mount'
  /** Null while it does not run. */
  pid: number | null
  address: string
  data: string
}

/** A throw-away cluster of real processes, with a mount. */
export class Cluster {
  readonly folder: string
  readonly mount: string
  readonly #options: readonly string[]
  readonly #disks: Readonly<Record<string, string>>
  readonly #mounts: string[] = []

  private constructor(folder: string, options: readonly string[], disks: Readonly<Record<string, string>>) {
    this.folder = folder
    this.mount = path.join(folder, 'mnt')
    this.#options = options
    this.#disks = disks
  }

  /** @param disks servers that get a disk of their own, in memory, and its size: { 'chunkserver-1': '64m' } */
  static async up(
    { chunkservers = 3, options = [], disks = {} }:
    { chunkservers?: number, options?: readonly string[], disks?: Readonly<Record<string, string>> } = {},
  ): Promise<Cluster> {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'dfs-cluster-'))
    const cluster = new Cluster(folder, ['--chunkservers', String(chunkservers), ...options], disks)
    try {
      for (const [name, size] of Object.entries(disks)) {
        await shell(`mkdir -p ${cluster.disk(name)}; truncate -s ${size} ${cluster.#image(name)}; mkfs.ext4 -q -m 0 ${cluster.#image(name)}`)
        await cluster.#mountDisk(name)
      }
      await cluster.start()
    } catch (error) {
      const logs = await run('bash', ['-c', `tail -n 20 ${folder}/data/logs/*`])
      await cluster.down()
      throw new Error(`${String(error)}\n${logs.stdout}`, { cause: error })
    }
    return cluster
  }

  get data(): string {
    return path.join(this.folder, 'data')
  }

  /** The folder of a server. */
  disk(name: string): string {
    return path.join(this.data, name)
  }

  /** A disk in memory: a test must not wait for the machine's own. */
  #image(name: string): string {
    return `/dev/shm/${path.basename(this.folder)}-${name}.img`
  }

  async #mountDisk(name: string): Promise<void> {
    await must('mount', ['-o', 'loop', this.#image(name), this.disk(name)])
  }

  /** From now on each write to a disk of its own fails, as after a fault that made the kernel give the file system up. */
  async breakDisk(name: string): Promise<void> {
    await must('mount', ['-o', 'remount,abort', this.disk(name)])
  }

  /** The server is restarted on a disk that works again. */
  async mendDisk(name: string): Promise<void> {
    await this.kill(name)
    await must('umount', [this.disk(name)])
    await this.#mountDisk(name)
    await this.start()
  }

  /** Starts whatever does not run. */
  async start(): Promise<void> {
    await must('scripts/cluster', ['up', '--dir', this.data, '--mount', this.mount, ...this.#options])
  }

  /** Asks none of them anything: also those that hang are listed. */
  processes(): ClusterProcess[] {
    return (readState(this.data)?.processes ?? []).map(({ name, role, address, data, process }) =>
      ({ name, role, address, data, pid: isRunning(process) ? process.pid : null }))
  }

  process(name: string): ClusterProcess & { pid: number } {
    const found = this.processes().find(each => each.name === name)
    if (found === undefined || found.pid === null) throw new Error(`${name} does not run`)
    return { ...found, pid: found.pid }
  }

  master(): string {
    return this.process('master').address
  }

  /** Ends a process with a signal, and waits until it is gone; it proves that it was there. */
  async kill(name: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const { pid } = this.process(name)
    process.kill(pid, signal)
    await gone(pid)
  }

  /** Sends a signal to a process that goes on living. */
  signal(name: string, signal: NodeJS.Signals): void {
    process.kill(this.process(name).pid, signal)
  }

  /** Another mount of the cluster, in a process of its own. */
  async mountAgain(options: readonly string[] = []): Promise<string> {
    const at = path.join(this.folder, `mnt-${String(this.#mounts.push('') + 1)}`)
    mkdirSync(at)
    await must('bin/dfs-mount', [this.master(), at, ...options])
    this.#mounts[this.#mounts.length - 1] = at
    return at
  }

  async down(): Promise<void> {
    for (const at of this.#mounts) if (at !== '') await run('umount', ['-l', at])
    await run('scripts/cluster', ['down', '--dir', this.data])
    for (const name of Object.keys(this.#disks)) {
      await run('umount', ['-l', this.disk(name)])
      rmSync(this.#image(name), { force: true })
    }
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Waits until a process has ended. */
export async function gone(pid: number): Promise<void> {
  const deadline = Date.now() + 30_000
  while (alive(pid)) {
    if (Date.now() > deadline) throw new Error(`process ${String(pid)} does not end`)
    await new Promise(resolve => { setTimeout(resolve, 20) })
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Waits until `check` gives something; fails with what it saw last. */
export async function eventually<Value>(what: string, check: () => Promise<Value | undefined>, timeoutMs = 60_000): Promise<Value> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const value = await check()
    if (value !== undefined) return value
    if (Date.now() > deadline) throw new Error(`still not so after ${String(timeoutMs)} ms: ${what}`)
    await new Promise(resolve => { setTimeout(resolve, 100) })
  }
}

const wholeness = z.object({ underReplicated: z.number(), missing: z.number() })

/** Waits until every chunk has all its replicas again. */
export function whole(cluster: Cluster, timeoutMs = 60_000): Promise<true> {
  return eventually('no chunk is short of replicas', async () => {
    const { code, stdout } = await run('bin/dfs', ['status', cluster.mount, '--json'])
    if (code !== 0) return undefined
    const { underReplicated, missing } = wholeness.parse(JSON.parse(stdout))
    return underReplicated + missing === 0 || undefined
  }, timeoutMs)
}

/** A program running beside the test. */
export function start(command: string, args: readonly string[]): { child: ChildProcess, ended: Promise<Ran> } {
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => { stdout += chunk.toString('latin1') })
  child.stderr.on('data', (chunk: Buffer) => { stderr += chunk.toString('latin1') })
  const ended = new Promise<Ran>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => { resolve({ code: code ?? -1, stdout, stderr }) })
  })
  return { child, ended }
}

/** What the pages of the kernel's cache no longer know, must come from the servers. */
export function dropCaches(): Promise<string> {
  return shell('sync; echo 3 > /proc/sys/vm/drop_caches')
}
