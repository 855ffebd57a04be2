import fs from 'node:fs'
import path from 'node:path'
import type { Writable } from 'node:stream'
import type { Client, Paths } from '../client/index.ts'
import type { Caller } from '../protocol/attributes.ts'
import { placeUnderMount, sourceOf, type MountedPlace } from './locate-mount.ts'
import { wordingOf } from './wording.ts'

/** What a command has of the machine it runs on. */
export interface Machine {
  stdout: Writable
  stderr: Writable
  /** Whether a person watches standard error. */
  watched: boolean
  /** Asks the person at the terminal; undefined where there is none. */
  confirm: ((question: string) => Promise<boolean>) | undefined
  folder: string
  /** Of DFS_MASTER. */
  masterVariable: string | undefined
  caller: Caller
  /** Permission bits that new files do not get. */
  umask: number
  mountInfo(): string
  connect(masters: readonly string[]): Promise<Client>
}

/** A path of the command line, found. */
export interface Located {
  client: Client
  paths: Paths
  path: Buffer
  /** As it was given, for messages. */
  shown: string
}

/** Exit codes of what failed. What fsck finds has codes of its own, and errors those of fsck(8). */
export const failureCodes = { usual: 1, fsck: 8 } as const
export const usageCodes = { usual: 2, fsck: 16 } as const

/** How a command was called wrongly; ends it with its usage code. */
export class UsageError extends Error {}

const NO_MASTER = 'not under a mounted dfs: name the master with --master HOST:PORT or in DFS_MASTER'

/** One run of one command: finds clusters by paths, prints, and remembers whether anything failed. */
export class Context {
  readonly machine: Machine
  exitCode = 0
  readonly #failureCode: number
  readonly #master: string | undefined
  readonly #clients = new Map<string, Promise<Client>>()

  /** @param failureCode what the exit code becomes when anything fails */
  constructor(machine: Machine, { master }: { master?: string | undefined }, failureCode: number = failureCodes.usual) {
    this.machine = machine
    this.#failureCode = failureCode
    this.#master = master
  }

  /** The cluster and place of a path. @throws UsageError nothing says which cluster */
  async at(given: string): Promise<Located> {
    const place = this.#place(given)
    if (place === undefined) throw new UsageError(`${given}: ${NO_MASTER}`)
    const client = await this.#client(place.masters)
    return { client, paths: client.paths(this.machine.caller), path: Buffer.from(place.path), shown: given }
  }

  /** The cluster itself, of a path if one is given. */
  async cluster(given: string | undefined): Promise<Client> {
    return (await this.at(given ?? this.defaultPath())).client
  }

  /** What a command without a path is about: the root where the master was named, this folder elsewhere. */
  defaultPath(): string {
    return this.#master === undefined && this.#mounted(this.machine.folder) !== undefined ? '.' : '/'
  }

  /** Runs one of several independent pieces of work; a failure is told, and makes the exit code 1. */
  async attempt(subject: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (error instanceof UsageError) throw error
      this.complain(subject, error)
    }
  }

  /** What ends the whole command. */
  fail(error: unknown): void {
    this.exitCode = this.#failureCode
    this.machine.stderr.write(`dfs: ${wordingOf(error)}\n`)
  }

  complain(subject: string, error: unknown): void {
    this.exitCode = this.#failureCode
    this.machine.stderr.write(`dfs: ${subject}: ${wordingOf(error)}\n`)
  }

  /** Waits while whoever reads us is slow. */
  print(data: string | Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.machine.stdout.write(data, error => {
        if (error === undefined || error === null) resolve()
        else reject(error)
      })
    })
  }

  printLines(lines: readonly string[]): Promise<void> {
    return lines.length === 0 ? Promise.resolve() : this.print(`${lines.join('\n')}\n`)
  }

  printJson(value: unknown): Promise<void> {
    const plain = (_: string, each: unknown): unknown => typeof each === 'bigint' ? each.toString() : each
    return this.print(`${JSON.stringify(value, plain, 2)}\n`)
  }

  async close(): Promise<void> {
    for (const connecting of this.#clients.values()) {
      const client = await connecting.catch(() => undefined)
      await client?.close()
    }
  }

  #place(given: string): MountedPlace | undefined {
    const inside = path.posix.resolve('/', given)
    if (this.#master !== undefined) return { masters: sourceOf(this.#master).masters, path: keepSlash(inside, given) }
    const mounted = this.#mounted(path.resolve(this.machine.folder, given))
    if (mounted !== undefined) return { masters: mounted.masters, path: keepSlash(mounted.path, given) }
    const named = this.machine.masterVariable
    return named === undefined || named === ''
      ? undefined
      : { masters: sourceOf(named).masters, path: keepSlash(inside, given) }
  }

  #mounted(absolute: string): MountedPlace | undefined {
    const mountInfo = this.machine.mountInfo()
    // First by the text alone: a mount that does not answer would hold up whoever looks at its files.
    return placeUnderMount(mountInfo, absolute) ?? placeUnderMount(mountInfo, throughLinks(absolute))
  }

  #client(masters: string[]): Promise<Client> {
    const key = masters.join()
    const known = this.#clients.get(key)
    if (known !== undefined) return known
    const connecting = this.machine.connect(masters)
    this.#clients.set(key, connecting)
    return connecting
  }
}

/** A slash at the end says that a directory is meant. */
function keepSlash(resolved: string, given: string): string {
  return given.endsWith('/') && !resolved.endsWith('/') ? `${resolved}/` : resolved
}

/** The path with the links of its existing part followed. */
function throughLinks(absolute: string): string {
  const missing: string[] = []
  for (let existing = absolute; ; existing = path.dirname(existing)) {
    try {
      return path.join(fs.realpathSync(existing), ...missing)
    } catch {
      if (existing === '/') return absolute
      missing.unshift(path.basename(existing))
    }
  }
}
