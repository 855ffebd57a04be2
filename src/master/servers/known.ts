import { z } from 'zod'
import { serverAddress, type ServerAddress } from '../../protocol/chunks.ts'
import type { Disk } from '../../seams/disk.ts'
import { readJson, writeJson } from '../small-file.ts'

const FILE = 'servers.json'
const format = z.object({ format: z.literal(1), servers: z.array(serverAddress) })

/**
 * The chunkservers of the cluster, across restarts of the master: until all of them have come back, a chunk without
 * replicas may just be one whose servers are late.
 */
export class KnownServers {
  readonly #disk: Disk
  readonly #servers = new Map<number, ServerAddress>()
  #writing: Promise<void> = Promise.resolve()

  constructor(disk: Disk) {
    this.#disk = disk
    for (const server of readJson(disk, FILE, format)?.servers ?? []) this.#servers.set(server.server, server)
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
      const write = (): Promise<void> => writeJson(this.#disk, FILE, { format: 1, servers: this.all() })
      this.#writing = this.#writing.then(write, write)
    }
    return this.#writing
  }
}
