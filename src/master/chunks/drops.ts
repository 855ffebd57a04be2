import { chunkControlApi } from '../../protocol/chunkserver-api.ts'
import { asDfsError } from '../../protocol/errors.ts'
import type { ReplicaReport } from '../../protocol/chunks.ts'
import type { ChunkId, ChunkVersion, ServerId } from '../../protocol/identifiers.ts'
import type { Log } from '../../seams/log.ts'
import { bounds } from '../config.ts'
import type { Servers } from '../servers/registry.ts'

/** Any replica has a version up to this one. */
export const ANY_VERSION = Number.MAX_SAFE_INTEGER as ChunkVersion

const DROP_MS = 30_000

/** Replicas that nobody needs any more, until their servers have removed them. */
export class Drops {
  readonly #servers: Servers
  readonly #log: Log
  readonly #queues = new Map<ServerId, Map<ChunkId, ChunkVersion>>()
  /** What has been sent and not answered. */
  readonly #sending = new Map<ServerId, Map<ChunkId, ChunkVersion>>()
  #kept: (server: ServerId, replicas: readonly ReplicaReport[]) => void = () => {}

  constructor({ servers, log }: { servers: Servers, log: Log }) {
    this.#servers = servers
    this.#log = log
  }

  /** Sets who judges replicas anew that turned out to be newer than was known when they were given up. */
  onKept(listener: (server: ServerId, replicas: readonly ReplicaReport[]) => void): void {
    this.#kept = listener
  }

  /** @param version a replica under a later one stays: it is another one, made since */
  add(server: ServerId, chunk: ChunkId, version: ChunkVersion): void {
    const queue = this.#queues.get(server) ?? new Map<ChunkId, ChunkVersion>()
    this.#queues.set(server, queue)
    queue.set(chunk, Math.max(version, queue.get(chunk) ?? 0) as ChunkVersion)
  }

  /** A server comes anew and will report what it has: what is still garbage then is found again. */
  forgetServer(server: ServerId): void {
    this.#queues.delete(server)
  }

  /** Whether the replica is about to go: what its server says of it until then counts no more. */
  isDoomed(server: ServerId, chunk: ChunkId, version: ChunkVersion): boolean {
    const upTo = Math.max(this.#queues.get(server)?.get(chunk) ?? -1, this.#sending.get(server)?.get(chunk) ?? -1)
    return version <= upTo
  }

  /**
   * A replica is wanted there after all, as the target of a copy.
   * @returns up to which version there may still be one that was to go; if no copy takes its place it has to be added again
   */
  takeBack(server: ServerId, chunk: ChunkId): ChunkVersion | undefined {
    const queued = this.#queues.get(server)?.get(chunk)
    const sent = this.#sending.get(server)?.get(chunk)
    this.#queues.get(server)?.delete(chunk)
    // What is on its way arrives before a copy is asked for, but must not be sent again if it fails.
    this.#sending.get(server)?.delete(chunk)
    return queued ?? sent
  }

  get count(): number {
    let count = 0
    for (const queue of [...this.#queues.values(), ...this.#sending.values()]) count += queue.size
    return count
  }

  /** Sends each server its next batch, unless one is under way there. Resolves when they have answered. */
  async step(): Promise<void> {
    await Promise.all([...this.#queues.keys()].map(server => this.#sendTo(server)))
  }

  async #sendTo(id: ServerId): Promise<void> {
    const queue = this.#queues.get(id)
    const link = this.#servers.get(id)?.link
    if (queue === undefined || queue.size === 0) { this.#queues.delete(id); return }
    if (link === undefined || this.#sending.has(id)) return
    const batch = [...queue.entries().take(bounds.dropBatchMax)].map(([chunk, version]) => ({ chunk, version }))
    // Out of the queue before the call, since a takeBack must be sure that nothing is sent later.
    for (const { chunk } of batch) queue.delete(chunk)
    const sending = new Map(batch.map(({ chunk, version }) => [chunk, version]))
    this.#sending.set(id, sending)
    try {
      const { reply } = await link.call(chunkControlApi.methods.drop, { chunks: batch }, { deadlineMs: DROP_MS })
      this.#sending.delete(id)
      this.#kept(id, reply.kept)
    } catch (error) {
      const { code, message } = asDfsError(error)
      this.#log.warn({ server: id, code }, `a chunkserver did not remove replicas, and will be asked again: ${message}`)
      for (const [chunk, version] of sending) this.add(id, chunk, version)
    } finally {
      this.#sending.delete(id)
    }
  }
}
