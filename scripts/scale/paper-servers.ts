import { chunkControlApi, chunkserverRegistryApi } from '../../src/protocol/chunkserver-api.ts'
import { DfsError } from '../../src/protocol/errors.ts'
import { dialLink } from '../../src/protocol/handshake.ts'
import type { ChunkId, ChunkVersion, ServerId } from '../../src/protocol/identifiers.ts'
import type { Handlers } from '../../src/protocol/api.ts'
import type { Link } from '../../src/protocol/link.ts'
import { limits } from '../../src/protocol/limits.ts'
import type { ReplicaReport } from '../../src/protocol/chunks.ts'
import { pause, systemClock } from '../../src/seams/clock.ts'
import { silentLog } from '../../src/seams/log.ts'
import { webSockets } from '../../src/seams/websockets.ts'
import { CHUNK_BYTES, readVersions } from './layout.ts'
import { paperRequest } from './messages.ts'

/**
 * Three chunkservers on paper, each with a replica of every chunk: they register, report, heartbeat and take leases as real
 * ones do, and keep no bytes. So the master has all its work, and the disk is the master's alone.
 */

const SERVERS = 3
const HEARTBEAT_MS = 3_000
/** What comes in a burst is told together, as real servers do. */
const GATHER_MS = 50
const RECONNECT_MS = 100
const CALL_MS = 60_000
const TOTAL_BYTES = 2 ** 50

const { master, versions: versionsFile } = paperRequest.parse(JSON.parse(process.argv[2] ?? ''))
/** Of each chunk by its id, the same for all three. Grows with what clients write. */
let versions = readVersions(versionsFile)
const network = webSockets({ messageBytesMax: limits.messageBytesMax })
const outside = { clock: systemClock, log: silentLog }

class PaperServer {
  readonly #id: ServerId
  readonly #address: string
  #changed: ReplicaReport[] = []

  constructor(number: number) {
    this.#id = (1_000 + number) as ServerId
    this.#address = `127.0.0.1:${String(number)}`
  }

  add(replica: ReplicaReport): void {
    this.#changed.push(replica)
  }

  /** Connects for ever, as long as the process lives. */
  async run(): Promise<void> {
    for (;;) {
      try {
        const { link } = await dialLink(
          network, master, { role: 'chunkserver', lane: 'control', expect: 'master', timeoutMs: 2_000 }, outside)
        await this.#attend(link)
      } catch (error) {
        if (!(error instanceof DfsError)) throw error
      }
      await pause(systemClock, RECONNECT_MS)
    }
  }

  async #attend(link: Link): Promise<void> {
    link.serve(chunkControlApi, control, undefined)
    const space = { totalBytes: TOTAL_BYTES, freeBytes: TOTAL_BYTES }
    const within = { deadlineMs: CALL_MS }
    await link.call(chunkserverRegistryApi.methods.register, {
      server: this.#id, address: this.#address, rack: this.#address, host: this.#address, boot: '', ...space,
    }, within)
    this.#changed = []
    for (let first = true, next = 0; first || next < versions.length; first = false) {
      const replicas: ReplicaReport[] = []
      for (; next < versions.length && replicas.length < limits.reportPageMax; next++) {
        const version = versions[next] ?? 0
        if (version > 0) replicas.push(replicaOf(next, version))
      }
      await link.call(chunkserverRegistryApi.methods.report, { replicas, first, last: next >= versions.length }, within)
    }
    let lastMs = 0
    for (;;) {
      if (link.closed) return
      await pause(systemClock, GATHER_MS)
      if (this.#changed.length === 0 && systemClock.nowMs() - lastMs < HEARTBEAT_MS) continue
      lastMs = systemClock.nowMs()
      await link.call(chunkserverRegistryApi.methods.heartbeat, {
        ...space, load: 0, diskFault: '', corruptFound: 0, diskFailures: 0, gone: [], renew: [],
        changed: this.#changed.splice(0, limits.reportPageMax),
      }, within)
    }
  }
}

const servers = Array.from({ length: SERVERS }, (_, index) => new PaperServer(index + 1))

function replicaOf(chunk: number, version: number): ReplicaReport {
  return { chunk: chunk as ChunkId, version: version as ChunkVersion, lengthBytes: CHUNK_BYTES, state: 'good' }
}

function setVersion(chunk: number, version: number): void {
  if (chunk >= versions.length) {
    const larger = new Float64Array(Math.ceil((chunk + 1) * 1.5))
    larger.set(versions)
    versions = larger
  }
  versions[chunk] = version
}

const notOnPaper = (): never => { throw new DfsError('not-supported', 'a chunkserver on paper has no bytes') }

const control: Handlers<typeof chunkControlApi.methods, undefined> = {
  // The first mutation would make the replicas: here the lease does.
  grant: ({ chunk, version }) => {
    setVersion(chunk, version)
    for (const server of servers) server.add(replicaOf(chunk, version))
    return { reply: {} }
  },
  drop: ({ chunks }) => {
    for (const { chunk } of chunks) setVersion(chunk, 0)
    return { reply: { kept: [] } }
  },
  revoke: () => ({ reply: {} }),
  accept: () => ({ reply: {} }),
  fence: notOnPaper, reconcile: notOnPaper, copy: notOnPaper,
}

process.on('disconnect', () => { process.exit(0) })
await Promise.all(servers.map(server => server.run()))
