import { chunkserverApi } from '../protocol/chunkserver-api.ts'
import type { ReplicaReport } from '../protocol/chunks.ts'
import { chunkIndexAt, type ChunkId, type InodeId } from '../protocol/identifiers.ts'
import { limits } from '../protocol/limits.ts'
import type { LinkPool } from '../protocol/link-pool.ts'
import { masterApi, type ClusterStatus, type FileInfo } from '../protocol/master-api.ts'
import type { MasterSession } from './master/session.ts'

const { status, fileInfo } = masterApi.methods

/** Reading and checking a whole chunk from a slow disk takes its time, in ms. */
const VERIFY_MS = 30_000
const INSPECT_MS = 5_000

/** What an operator asks of a cluster. */
export class Admin {
  readonly #session: MasterSession
  readonly #pool: LinkPool

  constructor(parts: { session: MasterSession, pool: LinkPool }) {
    this.#session = parts.session
    this.#pool = parts.pool
  }

  status(): Promise<ClusterStatus> {
    return this.#session.ask(status, {})
  }

  /** A file with all its chunks and where their replicas are, as the master sees them. */
  async fileInfo(inode: InodeId): Promise<FileInfo> {
    const ask = (first: number): Promise<FileInfo> => this.#session.ask(fileInfo,
      { inode, first: chunkIndexAt(first, 1), count: limits.locatePageMax })
    const info = await ask(0)
    const chunks = [...info.chunks]
    const end = Math.ceil(info.sizeBytes / info.chunkSizeBytes)
    for (let first = limits.locatePageMax; first < end; first += limits.locatePageMax) {
      chunks.push(...(await ask(first)).chunks)
    }
    return { ...info, chunks }
  }

  /** A replica as its own server sees it. @param verify reads it all and compares it with its checksums */
  async inspect(address: string, chunk: ChunkId, verify: boolean): Promise<ReplicaReport> {
    const link = await this.#pool.link(address, 'control')
    const deadlineMs = verify ? VERIFY_MS : INSPECT_MS
    return (await link.call(chunkserverApi.methods.inspect, { chunk, verify }, { deadlineMs })).reply
  }
}
