import { FileContents } from '../../../src/client/contents/contents.ts'
import { DataPath, type DataMaster, type DataPathOptions } from '../../../src/client/contents/data-path.ts'
import type { Given } from '../../../src/protocol/api.ts'
import type { Attributes } from '../../../src/protocol/attributes.ts'
import { checksumOf } from '../../../src/protocol/checksum.ts'
import type { ChunkLease, ChunkLocation, Mutation, ServerAddress, Source } from '../../../src/protocol/chunks.ts'
import { chunkserverApi, type CommitOutcome } from '../../../src/protocol/chunkserver-api.ts'
import { DfsError, type ErrorCode } from '../../../src/protocol/errors.ts'
import { acceptLink } from '../../../src/protocol/handshake.ts'
import type {
  ChunkId, ChunkIndex, ChunkVersion, ClusterId, CommitId, InodeId, SerialNumber, ServerId,
} from '../../../src/protocol/identifiers.ts'
import { LinkPool } from '../../../src/protocol/link-pool.ts'
import { pause } from '../../../src/seams/clock.ts'
import { silentLog, type Log } from '../../../src/seams/log.ts'
import { World } from '../../simulation/world.ts'

const CLUSTER = '6f6c8a7e-3f0f-4d0e-9c52-0a4b0c8d1e2f' as ClusterId
const INODE = 7 as InodeId

/** What goes wrong with a commit: after it was made everywhere, or before anything was. */
export type CommitFault = { made: boolean, answer: ErrorCode | 'replicas-failed' }

interface CommitRequest {
  chunk: ChunkId
  version: ChunkVersion
  commit: CommitId
  mutation: Mutation
  source: Source
  sync: boolean
}

interface Chunk {
  id: ChunkId
  version: ChunkVersion
  lossVersion: ChunkVersion | undefined
  primary: ServerId
  bytes: Buffer
  readonly outcomes: Map<CommitId, CommitOutcome>
}

/** One chunkserver of a toy cluster; they all show the same bytes. */
export class ToyServer {
  readonly shown: ServerAddress
  readonly pushes = new Map<number, Buffer>()
  reads = 0
  /** Answers with a bit flipped. */
  corrupt = false
  /** Answers later. */
  delayMs = 0
  refuse: ErrorCode | undefined
  constructor(number: number) {
    const host = `host${number}`
    this.shown = { server: number as ServerId, address: `${host}:1`, rack: 'r', host }
  }
}

/** Master and chunkservers of one file, as simple as they can be, whose faults a test chooses. */
export class ToyCluster implements DataMaster {
  readonly world: World
  readonly chunkSizeBytes: number
  readonly servers = [new ToyServer(1), new ToyServer(2), new ToyServer(3)]
  readonly chunks = new Map<ChunkIndex, Chunk>()
  readonly path: DataPath
  /** For the next commits, in turn. */
  readonly commitFaults: (CommitFault | undefined)[] = []
  readonly commits: { commit: CommitId, kind: string, extents: number, lengthBytes: number, version: ChunkVersion }[] = []
  readonly leases: { suspects: ServerId[], known: ChunkVersion | undefined }[] = []
  readonly settled: { endBytes: number, modifiedNs: bigint }[] = []
  /** What the next pushes tell of the servers behind the first, in turn. */
  readonly pushAnswers: { failed: ServerId[], busy?: true }[] = []
  readonly reports: { server: ServerId, problem: string }[] = []
  readonly events: string[] = []
  leaseFaults: ErrorCode[] = []
  /** Commits wait until this resolves. */
  hold: Promise<void> | undefined
  sizeBytes = 0
  contentVersion = 1
  /** No server has told the master of a replica. */
  unproven = false
  #next = 1

  constructor({ seed = 1, chunkSizeBytes = 4 * 1024 * 1024, options = {}, log = silentLog }: {
    seed?: number, chunkSizeBytes?: number, options?: DataPathOptions, log?: Log,
  } = {}) {
    this.world = new World(seed)
    this.chunkSizeBytes = chunkSizeBytes
    const outside = { network: this.world.network.forHost('client'), clock: this.world.clock, log: silentLog }
    this.path = new DataPath({
      clock: this.world.clock, random: this.world.random, log, master: this, options,
      pool: new LinkPool(outside, { role: 'client', cluster: CLUSTER }),
    })
  }

  static async start(options: ConstructorParameters<typeof ToyCluster>[0] = {}): Promise<ToyCluster> {
    const cluster = new ToyCluster(options)
    for (const server of cluster.servers) await cluster.#listen(server)
    return cluster
  }

  open(): FileContents {
    return new FileContents({
      attributes: this.attributes(), data: this.path,
      authority: {
        settle: async ({ endBytes, modifiedNs }) => {
          this.settled.push({ endBytes, modifiedNs })
          this.events.push('settle')
          this.sizeBytes = Math.max(this.sizeBytes, endBytes)
          this.contentVersion++
          return this.attributes()
        },
        freshAttributes: async () => this.attributes(),
        dropChunks: async (first, count) => {
          for (let index = first; index < first + count; index = (index + 1) as ChunkIndex) this.chunks.delete(index)
          this.contentVersion++
          return this.attributes()
        },
      },
    })
  }

  /** What the master does when the size is set. */
  setSize(sizeBytes: number): Attributes {
    for (const index of [...this.chunks.keys()]) {
      if (index * this.chunkSizeBytes >= sizeBytes) this.chunks.delete(index)
    }
    this.sizeBytes = sizeBytes
    this.contentVersion++
    return this.attributes()
  }

  attributes(): Attributes {
    return {
      inode: INODE, type: 'file', mode: 0o644, links: 1, uid: 0, gid: 0, device: 0, sizeBytes: this.sizeBytes, allocatedBytes: 0,
      accessedNs: 0n, modifiedNs: 0n, changedNs: 0n, contentVersion: this.contentVersion, chunkSizeBytes: this.chunkSizeBytes,
      hasXattrs: false,
    }
  }

  /** What all replicas have, without what only clients know. */
  stored(): Buffer {
    const all = Buffer.alloc(this.sizeBytes)
    for (const [index, { bytes }] of this.chunks) {
      const start = index * this.chunkSizeBytes
      all.set(bytes.subarray(0, Math.max(0, all.length - start)), Math.min(start, all.length))
    }
    return all
  }

  finish<Value>(promise: Promise<Value>): Promise<Value> {
    return this.world.finish(promise, { stepsMax: 500_000, what: 'a call' })
  }

  async pass(durationMs: number): Promise<void> {
    await this.finish(pause(this.world.clock, durationMs))
  }

  async locate(_: InodeId, first: ChunkIndex, count: number): Promise<ChunkLocation[]> {
    await pause(this.world.clock, 0.1)
    return [...this.chunks].filter(([index]) => index >= first && index < first + count)
      .map(([index, chunk]) => this.#location(index, chunk))
  }

  async lease(_: InodeId, index: ChunkIndex, suspects: ServerId[], known: ChunkVersion | undefined): Promise<ChunkLease> {
    await pause(this.world.clock, 0.1)
    this.leases.push({ suspects, known })
    const fault = this.leaseFaults.shift()
    if (fault !== undefined) throw new DfsError(fault, 'as the test asked')
    let chunk = this.chunks.get(index)
    if (chunk === undefined) {
      const id = this.#next++ as ChunkId
      chunk = {
        id, version: this.#next++ as ChunkVersion, lossVersion: undefined, primary: 1 as ServerId, bytes: Buffer.alloc(0), outcomes: new Map(),
      }
      this.chunks.set(index, chunk)
    } else if (known === chunk.version) {
      chunk.version = this.#next++ as ChunkVersion
      const others = this.servers.filter(({ shown }) => !suspects.includes(shown.server))
      chunk.primary = (others[0] ?? this.servers[0])?.shown.server ?? chunk.primary
    }
    return {
      ...this.#location(index, chunk), primary: chunk.primary,
      ...(chunk.lossVersion === undefined ? {} : { lossVersion: chunk.lossVersion }),
    }
  }

  /** All servers of a chunk lose power, and the master takes what they have left. */
  losePower(index: number): void {
    const chunk = this.chunks.get(index as ChunkIndex)
    if (chunk === undefined) throw new Error('there is no such chunk')
    chunk.version = chunk.lossVersion = this.#next++ as ChunkVersion
    chunk.bytes.fill(0)
  }

  async reportReplica(_: ChunkId, server: ServerId, problem: 'corrupt' | 'unreachable'): Promise<void> {
    this.reports.push({ server, problem })
  }

  #location(index: ChunkIndex, { id, version }: Chunk): ChunkLocation {
    const replicas = this.servers.map(({ shown }) => shown)
    return { index, chunk: id, version, replicas, ...(this.unproven ? { unproven: true } : {}) }
  }

  async #listen(server: ToyServer): Promise<void> {
    const outside = { clock: this.world.clock, log: silentLog }
    await this.world.network.forHost(server.shown.host).listen(server.shown.address, connection => {
      void acceptLink(connection, { role: 'chunkserver', cluster: CLUSTER }, outside).then(accepted => {
        accepted?.link.serve(chunkserverApi, {
          push: ({ push, checksum }, payload) => {
            if (checksumOf(payload) !== checksum) throw new DfsError('bad-message', 'damaged')
            const reply = this.pushAnswers.shift() ?? { failed: [] }
            for (const each of this.servers) if (!reply.failed.includes(each.shown.server)) each.pushes.set(push, Buffer.from(payload))
            return { reply }
          },
          commit: async (request, payload) => {
            if (this.hold !== undefined) await this.hold
            return { reply: this.#commit(server, request, payload) }
          },
          sync: ({ chunk: id, version }) => {
            this.#leaseOf(server, id, version)
            this.events.push('sync')
            return { reply: { outcome: 'done' as const } }
          },
          read: request => this.#read(server, request),
          inspect: () => { throw new DfsError('not-supported', 'not here') },
        }, undefined)
      })
    })
  }

  #leaseOf(server: ToyServer, id: ChunkId, version: ChunkVersion): Chunk {
    const chunk = [...this.chunks.values()].find(each => each.id === id)
    if (chunk?.version !== version || chunk.primary !== server.shown.server) {
      throw new DfsError('lease-lost', 'another version, or another primary')
    }
    return chunk
  }

  #commit(server: ToyServer, request: CommitRequest, payload: Buffer): CommitOutcome {
    const chunk = this.#leaseOf(server, request.chunk, request.version)
    const known = chunk.outcomes.get(request.commit)
    if (known !== undefined) return known
    const { mutation, source, commit, version } = request
    const held = source.from === 'push' ? server.pushes.get(source.push) : payload
    if (held === undefined) throw new DfsError('push-unknown', 'it was never pushed')
    this.commits.push({
      commit, version, kind: mutation.kind, lengthBytes: held.length,
      extents: mutation.kind === 'write' ? mutation.extents.length : 0,
    })
    this.events.push(request.sync ? 'commit and sync' : 'commit')
    const fault = this.commitFaults.shift()
    if (fault?.made !== false) chunk.outcomes.set(commit, this.#apply(chunk, mutation, held))
    if (fault?.answer === 'replicas-failed') return { outcome: 'replicas-failed', servers: [3 as ServerId] }
    if (fault !== undefined) throw new DfsError(fault.answer, 'as the test asked')
    return chunk.outcomes.get(commit) ?? { outcome: 'replicas-failed', servers: [] }
  }

  #apply(chunk: Chunk, mutation: Mutation, data: Buffer): CommitOutcome {
    const done = (offsetBytes: number, writtenBytes: number): CommitOutcome => ({
      outcome: 'done', serial: 1 as SerialNumber, offsetBytes, writtenBytes, lengthBytes: chunk.bytes.length,
    })
    const put = (offsetBytes: number, bytes: Buffer): void => {
      if (offsetBytes + bytes.length > chunk.bytes.length) {
        chunk.bytes = Buffer.concat([chunk.bytes, Buffer.alloc(offsetBytes + bytes.length - chunk.bytes.length)])
      }
      chunk.bytes.set(bytes, offsetBytes)
    }
    switch (mutation.kind) {
      case 'resize':
        chunk.bytes = Buffer.concat([chunk.bytes, Buffer.alloc(mutation.lengthBytes)]).subarray(0, mutation.lengthBytes)
        return done(0, 0)
      case 'append': {
        const offsetBytes = chunk.bytes.length
        const writtenBytes = Math.min(data.length, this.chunkSizeBytes - offsetBytes)
        if (writtenBytes === 0) throw new DfsError('chunk-full', 'it is full')
        put(offsetBytes, data.subarray(0, writtenBytes))
        return done(offsetBytes, writtenBytes)
      }
      case 'write': {
        let at = 0
        for (const { offsetBytes, lengthBytes } of mutation.extents) {
          put(offsetBytes, data.subarray(at, at + lengthBytes))
          at += lengthBytes
        }
        return done(mutation.extents[0]?.offsetBytes ?? 0, data.length)
      }
    }
  }

  async #read(
    server: ToyServer, { chunk: id, offsetBytes, lengthBytes }: { chunk: ChunkId, offsetBytes: number, lengthBytes: number },
  ): Promise<Given<{ checksum: ReturnType<typeof checksumOf>, version: ChunkVersion, replicaLengthBytes: number }>> {
    server.reads++
    if (server.delayMs > 0) await pause(this.world.clock, server.delayMs)
    if (server.refuse !== undefined) throw new DfsError(server.refuse, 'as the test asked')
    const chunk = [...this.chunks.values()].find(each => each.id === id)
    if (chunk === undefined) throw new DfsError('no-such-replica', 'it is gone')
    const payload = Buffer.from(chunk.bytes.subarray(offsetBytes, offsetBytes + lengthBytes))
    const checksum = checksumOf(payload)
    if (server.corrupt && payload.length > 0) payload[0] = (payload[0] ?? 0) ^ 1
    return { reply: { checksum, version: chunk.version, replicaLengthBytes: chunk.bytes.length }, payload: [payload] }
  }
}

/** Reads as the mount does: gives the memory back as soon as the bytes are somewhere else. */
export async function readOf(contents: FileContents, offsetBytes: number, lengthBytes: number): Promise<Buffer> {
  const { parts, giveBack } = await contents.lend(offsetBytes, lengthBytes)
  const bytes = Buffer.concat(parts)
  giveBack()
  return bytes
}
