import { chunkserverAdminApi, chunkserverApi, type ScrubStatus } from '../protocol/chunkserver-api.ts'
import type { ReplicaReport } from '../protocol/chunks.ts'
import { DfsError } from '../protocol/errors.ts'
import { chunkIndexAt, type ChunkId, type ChunkVersion, type InodeId, type ServerId } from '../protocol/identifiers.ts'
import { limits } from '../protocol/limits.ts'
import type { LinkPool } from '../protocol/link-pool.ts'
import { masterApi, type BalanceStatus, type ChunkserverList, type ClusterStatus, type FileInfo } from '../protocol/master-api.ts'
import type { Clock } from '../seams/clock.ts'
import type { MasterSession } from './master/session.ts'

const {
  status, fileInfo, orphans, chunkservers, drain, forget, balance, startBalance, stopBalance,
} = masterApi.methods

/** Reading and checking a whole chunk from a slow disk takes its time, in ms. */
const VERIFY_MS = 30_000
const INSPECT_MS = 5_000

/** What an operator asks of a cluster. */
export class Admin {
  readonly #session: MasterSession
  readonly #pool: LinkPool

  readonly clock: Clock

  constructor(parts: { session: MasterSession, pool: LinkPool, clock: Clock }) {
    this.clock = parts.clock
    this.#session = parts.session
    this.#pool = parts.pool
  }

  status(): Promise<ClusterStatus> {
    return this.#session.ask(status, {})
  }

  chunkservers(): Promise<ChunkserverList> {
    return this.#session.ask(chunkservers, {})
  }

  /** Moves everything off some servers, or (`cancel`) no longer. @returns warnings @throws DfsError 'invalid' */
  async drain(servers: ServerId[], { cancel }: { cancel: boolean }): Promise<string[]> {
    return (await this.#session.ask(drain, { servers, cancel })).warnings
  }

  /** @param force also where the server may have the only replica of something @throws DfsError 'invalid' */
  async forget(server: ServerId, { force }: { force: boolean }): Promise<void> {
    await this.#session.ask(forget, { server, force })
  }

  /** How evenly full the servers are, and how evening that out gets on. */
  balance(): Promise<BalanceStatus> {
    return this.#session.ask(balance, {})
  }

  /**
   * Begins to even out how full the servers are, or goes on under another order.
   * @param threshold how far from the mean a server's used share may be, 0 to 1
   * @param rateBytes for each server, per second; 0 is no limit
   */
  startBalance(order: { threshold: number, rateBytes: number }): Promise<BalanceStatus> {
    return this.#session.ask(startBalance, order)
  }

  stopBalance(): Promise<BalanceStatus> {
    return this.#session.ask(stopBalance, {})
  }

  /** A file with all its chunks and where their replicas are, as the master sees them. */
  async fileInfo(inode: InodeId): Promise<FileInfo> {
    let whole: FileInfo | undefined
    for await (const page of this.fileInfoPages(inode)) whole = { ...page, chunks: [...whole?.chunks ?? [], ...page.chunks] }
    if (whole === undefined) throw new DfsError('internal', 'a file has at least one page')
    return whole
  }

  /** The same for one part of the file after the other. */
  async * fileInfoPages(inode: InodeId): AsyncGenerator<FileInfo> {
    for (let first = 0; ; first += limits.locatePageMax) {
      const page = await this.fileInfoAt(inode, first, limits.locatePageMax)
      yield page
      if ((first + limits.locatePageMax) * page.chunkSizeBytes >= page.sizeBytes) return
    }
  }

  /** A file with those of its chunks that have an index of `first` to `first + count - 1`. */
  fileInfoAt(inode: InodeId, first: number, count: number): Promise<FileInfo> {
    return this.#session.ask(fileInfo, { inode, first: chunkIndexAt(first, 1), count })
  }

  /** Which of these replicas on a server belong to no chunk. */
  async orphans(server: ServerId, replicas: readonly { chunk: ChunkId, version: ChunkVersion }[]): Promise<ChunkId[]> {
    return (await this.#session.ask(orphans, { server, replicas: [...replicas] })).orphans
  }

  /** All replicas on a server, as it sees them, page by page. */
  async * replicasOn(address: string): AsyncGenerator<ReplicaReport[]> {
    for (let after: ChunkId | undefined; ;) {
      const link = await this.#pool.link(address, 'control')
      const { reply } = await link.call(chunkserverAdminApi.methods.listReplicas,
        { limit: limits.reportPageMax, ...(after === undefined ? {} : { after }) }, { deadlineMs: INSPECT_MS })
      yield reply.replicas
      after = reply.replicas.at(-1)?.chunk
      if (reply.complete || after === undefined) return
    }
  }

  /** How a server's scrubber gets on. */
  async scrubStatus(address: string): Promise<ScrubStatus> {
    const link = await this.#pool.link(address, 'control')
    return (await link.call(chunkserverAdminApi.methods.scrubStatus, {}, { deadlineMs: INSPECT_MS })).reply
  }

  /** Has a server read and check all its replicas now. @param bytesPerS instead of its usual ceiling */
  async startScrub(address: string, bytesPerS?: number): Promise<ScrubStatus> {
    const link = await this.#pool.link(address, 'control')
    return (await link.call(chunkserverAdminApi.methods.startScrub, bytesPerS === undefined ? {} : { bytesPerS },
      { deadlineMs: INSPECT_MS })).reply
  }

  /** A replica as its own server sees it. @param verify reads it all and compares it with its checksums */
  async inspect(address: string, chunk: ChunkId, verify: boolean): Promise<ReplicaReport> {
    const link = await this.#pool.link(address, 'control')
    const deadlineMs = verify ? VERIFY_MS : INSPECT_MS
    return (await link.call(chunkserverApi.methods.inspect, { chunk, verify }, { deadlineMs })).reply
  }
}
