import { z } from 'zod'
import { serverAddress, type ServerAddress } from '../../protocol/chunks.ts'
import type { Disk } from '../../seams/disk.ts'
import { readJson, writeJson } from '../small-file.ts'

const FILE = 'servers.json'
const format = z.object({ format: z.literal(1), servers: z.array(serverAddress), doubtBelow: z.number().optional() })

/**
 * The chunkservers of the cluster, across restarts of the master: until all of them have come back, a chunk without
 * replicas may just be one whose servers are late.
 */
export class KnownServers {
  readonly #disk: Disk
  readonly #servers = new Map<number, ServerAddress>()
  #doubtBelow = 0
  #writing: Promise<void> = Promise.resolve()

  constructor(disk: Disk) {
    this.#disk = disk
    const read = readJson(disk, FILE, format)
    for (const server of read?.servers ?? []) this.#servers.set(server.server, server)
    this.#doubtBelow = read?.doubtBelow ?? 0
  }

  all(): ServerAddress[] {
    return [...this.#servers.values()]
  }

  /** Remembers a server, durably once this resolves. */
  add(server: ServerAddress): Promise<void> {
    const known = this.#servers.get(server.server)
    const isNew = known?.address !== server.address || known.rack !== server.rack || known.host !== server.host
    if (isNew) {
      this.#servers.set(server.server, server)
      this.#write()
    }
    return this.#writing
  }

  /** Forgets a server, durably once this resolves. */
  remove(server: number): Promise<void> {
    if (this.#servers.delete(server)) this.#write()
    return this.#writing
  }

  /**
   * A server was forgotten that may have had the only replica of something: of chunks below this one nobody can say any more
   * that they were never written. Durable once this resolves.
   */
  doubtBelow(chunk: number): Promise<void> {
    if (chunk > this.#doubtBelow) {
      this.#doubtBelow = chunk
      this.#write()
    }
    return this.#writing
  }

  /** Whether every server that may have had a replica of the chunk is among {@link all}. */
  isCompleteFor(chunk: number): boolean {
    return chunk >= this.#doubtBelow
  }

  #write(): void {
    const write = (): Promise<void> => writeJson(this.#disk, FILE, {
      format: 1, servers: this.all(), ...(this.#doubtBelow === 0 ? {} : { doubtBelow: this.#doubtBelow }),
    })
    this.#writing = this.#writing.then(write, write)
  }
}
