import { superuser, type Caller } from '../protocol/attributes.ts'
import { ROOT_INODE, type ClusterId } from '../protocol/identifiers.ts'
import { limits } from '../protocol/limits.ts'
import { LinkPool } from '../protocol/link-pool.ts'
import { systemClock } from '../seams/clock.ts'
import { silentLog, type Log } from '../seams/log.ts'
import { systemRandom } from '../seams/random.ts'
import { webSockets } from '../seams/websockets.ts'
import { Admin } from './admin.ts'
import { DataPath } from './contents/data-path.ts'
import type { FileSystem } from './file-system.ts'
import { Files } from './files/files.ts'
import { dataMaster } from './master/data-master.ts'
import { MasterSession } from './master/session.ts'
import { Namespace } from './metadata/namespace.ts'
import { NamespaceCache } from './metadata/namespace-cache.ts'
import { Neighbours } from './metadata/neighbours.ts'
import type { Outside } from './outside.ts'
import { Paths } from './paths/paths.ts'
import { Trash } from './trash.ts'
import { Tree } from './tree.ts'

export interface ClientOptions {
  /** HOST:PORT of each master; the first that answers is used. */
  masters: readonly string[]
  /** The machine we run on: replicas of its chunkservers are read first. Where servers name theirs, give the same name. */
  host?: string
  /** How long calls, reads and writes are tried again before their caller is told of an error, in ms. */
  patienceMs?: number
  /** How long to wait for a master at the start, in ms. */
  connectMs?: number
}

const PATIENCE_MS = 60_000
const CONNECT_MS = 5_000

/** One client of a cluster: a session with the master, caches, connections to chunkservers. */
export class Client {
  /** Inodes and open files, as a kernel wants them. */
  readonly fileSystem: FileSystem
  readonly admin: Admin
  readonly #session: MasterSession
  readonly #namespace: Namespace
  readonly #files: Files
  readonly #data: DataPath
  readonly #pool: LinkPool

  private constructor(outside: Outside, session: MasterSession, patienceMs: number) {
    const { clock, random, log } = outside
    // Whoever stands above keeps things as long as we do: together they stay within the bound.
    const cacheMs = session.cacheMs / 2
    const cache = new NamespaceCache(session.freshness, cacheMs)
    this.#session = session
    this.#pool = new LinkPool(outside, { role: 'client', cluster: session.cluster })
    this.#data = new DataPath({
      clock, random, log, pool: this.#pool, master: dataMaster(session), options: { patienceMs },
    })
    this.#namespace = new Namespace({
      session, cache, neighbours: new Neighbours(clock, cacheMs), unsentOf: attributes => this.#files.unsentOf(attributes),
    })
    this.#files = new Files({ session, namespace: this.#namespace, data: this.#data })
    this.fileSystem = new Tree({ root: ROOT_INODE, cacheMs, namespace: this.#namespace, files: this.#files })
    this.admin = new Admin({ session, pool: this.#pool, clock })
  }

  /** Connects over real sockets. @throws DfsError 'unreachable', or what a master refuses with */
  static connect({ log = silentLog, ...options }: ClientOptions & { log?: Log }): Promise<Client> {
    const network = webSockets({ messageBytesMax: limits.messageBytesMax })
    return Client.start({ clock: systemClock, random: systemRandom, network, log }, options)
  }

  /** Connects through the given outside world. */
  static async start(outside: Outside, options: ClientOptions): Promise<Client> {
    const { masters, host = '', patienceMs = PATIENCE_MS, connectMs = CONNECT_MS } = options
    const session = await MasterSession.start(outside, { masters, host, patienceMs, connectMs })
    return new Client(outside, session, patienceMs)
  }

  get cluster(): ClusterId {
    return this.#session.cluster
  }

  /** Files by path, for programs, with the permissions of the caller. */
  paths(caller: Caller = superuser, fileSystem: FileSystem = this.fileSystem): Paths {
    return new Paths(fileSystem, caller)
  }

  /** What was removed and can be brought back, as far as it is the caller's. */
  trash(caller: Caller = superuser): Trash {
    return new Trash({ session: this.#session, namespace: this.#namespace, fileSystem: this.fileSystem, caller })
  }

  /** Flushes and closes what is open, and says goodbye. @throws DfsError the first thing that was lost */
  async close(): Promise<void> {
    try {
      await this.#files.close()
    } finally {
      await this.#session.close()
      this.#pool.close()
    }
  }
}
