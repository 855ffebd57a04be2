import assert from 'node:assert/strict'
import { ChunkServer } from '../../src/chunkserver/server.ts'
import type { Timing } from '../../src/chunkserver/config.ts'
import { namesOf } from '../../src/chunkserver/store/names.ts'
import { dataStart } from '../../src/chunkserver/store/table.ts'
import type { Method, ReplyOf, RequestOf } from '../../src/protocol/api.ts'
import { checksumOf } from '../../src/protocol/checksum.ts'
import type { ChunkOrigin, Mutation, ReplicaReport, ServerAddress, Source } from '../../src/protocol/chunks.ts'
import { chunkControlApi, chunkserverApi, chunkserverRegistryApi, type CommitOutcome } from '../../src/protocol/chunkserver-api.ts'
import { acceptLink } from '../../src/protocol/handshake.ts'
import type { ChunkId, ChunkVersion, ClusterId, CommitId, PushId, ServerId } from '../../src/protocol/identifiers.ts'
import { LinkPool } from '../../src/protocol/link-pool.ts'
import type { Link } from '../../src/protocol/link.ts'
import { silentLog } from '../../src/seams/log.ts'
import { SimulatedDisk } from '../simulation/disk.ts'
import { World } from '../simulation/world.ts'

export const CLUSTER = '6f6c8a7e-3f0f-4d0e-9c52-0a4b0c8d1e2f' as ClusterId
export const CHUNK_BYTES = 4 * 1024 * 1024
export const origin: ChunkOrigin = { inode: 7, index: 0, chunkSizeBytes: CHUNK_BYTES }
export const chunk = 11 as ChunkId
export const version = (number: number): ChunkVersion => number as ChunkVersion
const STEPS_MAX = 200_000

/** One chunkserver of a test and what it stands on. */
export interface Member {
  host: string
  disk: SimulatedDisk
  process: { dead: boolean }
  server: ChunkServer
  shown: ServerAddress
}

/** A master that knows nothing: it takes reports and lets a test ask chunkservers for what a real one would. */
class ToyMaster {
  readonly links = new Map<ServerId, Link>()
  readonly reported = new Map<ServerId, Map<ChunkId, ReplicaReport>>()
  readonly renewals: ChunkId[] = []
  readonly #faults = new Map<ServerId, string>()
  renews = true
  cluster = CLUSTER

  /** Why the disk of a server takes no writes, as it last said. */
  faultOf(server: ServerId): string {
    return this.#faults.get(server) ?? ''
  }

  async listen(world: World): Promise<string> {
    const outside = { clock: world.clock, log: silentLog }
    const listener = await world.network.forHost('master').listen('master:1', connection => {
      void acceptLink(connection, { role: 'master', cluster: this.cluster }, outside).then(accepted => {
        if (accepted !== undefined) this.#serve(accepted.link)
      })
    })
    return listener.address
  }

  #serve(link: Link): void {
    let replicas = new Map<ChunkId, ReplicaReport>()
    link.serve(chunkserverRegistryApi, {
      register: ({ server }) => {
        this.links.set(server, link)
        return { reply: { heartbeatMs: 3_000 } }
      },
      report: page => {
        const server = this.#serverOf(link)
        if (page.first) replicas = new Map()
        for (const replica of page.replicas) replicas.set(replica.chunk, replica)
        if (page.last) this.reported.set(server, replicas)
        return { reply: {} }
      },
      heartbeat: ({ changed, gone, renew, diskFault }) => {
        this.#faults.set(this.#serverOf(link), diskFault)
        for (const replica of changed) replicas.set(replica.chunk, replica)
        for (const id of gone) replicas.delete(id)
        const asked = renew.map(lease => lease.chunk)
        this.renewals.push(...asked)
        return { reply: { renewed: this.renews ? asked : [] } }
      },
    }, undefined)
  }

  #serverOf(link: Link): ServerId {
    const found = [...this.links].find(([, each]) => each === link)
    assert(found !== undefined, 'a server registers before it reports')
    return found[0]
  }
}

/** Chunkservers in a simulated world, with a toy master and a client. */
export class Servers {
  readonly world: World
  readonly master = new ToyMaster()
  readonly members: Member[] = []
  readonly #client: LinkPool
  readonly #timing: Partial<Timing>
  #nextId = 1

  private constructor(seed: number, timing: Partial<Timing>) {
    this.world = new World(seed)
    this.#timing = timing
    this.#client = new LinkPool({ network: this.world.network.forHost('client'), clock: this.world.clock, log: silentLog },
      { role: 'client', cluster: CLUSTER })
  }

  static async start(
    seed: number, { count = 3, timing = {} }: { count?: number, timing?: Partial<Timing> } = {},
  ): Promise<Servers> {
    const servers = new Servers(seed, timing)
    await servers.master.listen(servers.world)
    for (let number = 1; number <= count; number++) {
      const { clock, random } = servers.world
      await servers.launch(`host${number}`, new SimulatedDisk({ random: random.fork(), clock }))
    }
    await servers.until(() => servers.master.reported.size === count, 'all have reported')
    return servers
  }

  /** Starts a server on a disk, in the place of one that was there before. */
  async launch(host: string, disk: SimulatedDisk): Promise<Member> {
    const process = { dead: false }
    const server = await this.finish(ChunkServer.start({
      seams: {
        clock: this.world.clockOf(host, process), network: this.world.network.forHost(host), disk,
        random: this.world.random.fork(), log: silentLog,
      },
      config: { listen: `${host}:0`, rack: 'r1', host, masters: ['master:1'], timing: this.#timing },
    }))
    const shown = { server: server.id, address: server.address, rack: 'r1', host }
    const member = { host, disk, process, server, shown }
    const at = this.members.findIndex(each => each.host === host)
    if (at === -1) this.members.push(member)
    else this.members[at] = member
    return member
  }

  /** Ends a process at once; what it wrote stays in the page cache. */
  kill(number: number): Member {
    const member = this.member(number)
    member.process.dead = true
    this.world.network.kill(member.host)
    member.disk.kill()
    this.master.links.delete(member.shown.server)
    this.master.reported.delete(member.shown.server)
    return member
  }

  member(number: number): Member {
    const member = this.members[number - 1]
    assert(member !== undefined, `there is no server ${number}`)
    return member
  }

  finish<Value>(promise: Promise<Value>): Promise<Value> {
    return this.world.finish(promise, { stepsMax: STEPS_MAX, what: 'a call' })
  }

  until(done: () => boolean, what: string): Promise<void> {
    return this.world.run(done, { stepsMax: STEPS_MAX, what })
  }

  /** Lets time pass. */
  async pass(durationMs: number): Promise<void> {
    const endMs = this.world.clock.nowMs() + durationMs
    this.world.clock.after(durationMs, () => {})
    await this.until(() => this.world.clock.nowMs() >= endMs, 'time passes')
  }

  id(): number {
    return this.#nextId++
  }

  // As the master

  async #control<M extends Method>(number: number, method: M, request: RequestOf<M>): Promise<ReplyOf<M>> {
    const link = this.master.links.get(this.member(number).shown.server)
    assert(link !== undefined, `server ${number} is connected to the master`)
    return (await this.finish(link.call(method, request, { deadlineMs: 60_000 }))).reply
  }

  shown(numbers: readonly number[]): ServerAddress[] {
    return numbers.map(number => this.member(number).shown)
  }

  grant(number: number, { v, peers, create = false, leaseMs = 60_000 }: {
    v: number, peers: readonly number[], create?: boolean, leaseMs?: number,
  }): Promise<unknown> {
    return this.#control(number, chunkControlApi.methods.grant,
      { chunk, version: version(v), origin, peers: this.shown(peers), leaseMs, create })
  }

  fence(number: number, v: number): Promise<ReplyOf<typeof chunkControlApi.methods.fence>> {
    return this.#control(number, chunkControlApi.methods.fence, { chunk, version: version(v) })
  }

  reconcile(
    number: number, { v, peers, cutBytes }: { v: number, peers: readonly number[], cutBytes?: number },
  ): Promise<{ failed: ServerId[] }> {
    return this.#control(number, chunkControlApi.methods.reconcile,
      { chunk, version: version(v), peers: this.shown(peers), ...(cutBytes === undefined ? {} : { cutBytes }) })
  }

  copy(
    number: number, { v, from, rateBytes }: { v: number, from: number, rateBytes?: number },
  ): Promise<{ lengthBytes: number }> {
    return this.#control(number, chunkControlApi.methods.copy,
      { chunk, version: version(v), origin, from: this.member(from).shown, ...(rateBytes === undefined ? {} : { rateBytes }) })
  }

  accept(number: number, v: number): Promise<unknown> {
    return this.#control(number, chunkControlApi.methods.accept, { chunk, version: version(v) })
  }

  revoke(number: number, v: number): Promise<unknown> {
    return this.#control(number, chunkControlApi.methods.revoke, { chunk, version: version(v) })
  }

  drop(number: number, v: number): Promise<unknown> {
    return this.#control(number, chunkControlApi.methods.drop, { chunks: [{ chunk, version: version(v) }] })
  }

  // As a client

  async ask<M extends Method>(number: number, method: M, request: RequestOf<M>, payload?: Uint8Array): Promise<ReplyOf<M>> {
    const link = await this.#client.link(this.member(number).shown.address, 'control')
    const { reply } = await link.call(method, request,
      { deadlineMs: 30_000, ...(payload === undefined ? {} : { payload: [payload] }) })
    return reply
  }

  commit(number: number, v: number, mutation: Mutation, { data, source, commit = this.id(), sync = false }: {
    data?: Uint8Array, source?: Source, commit?: number, sync?: boolean,
  } = {}): Promise<CommitOutcome> {
    const from: Source = source
      ?? (data === undefined ? { from: 'nothing' } : { from: 'payload', checksum: checksumOf(data) })
    return this.ask(number, chunkserverApi.methods.commit,
      { chunk, version: version(v), commit: commit as CommitId, mutation, source: from, sync }, data)
  }

  write(number: number, v: number, offsetBytes: number, data: Uint8Array, commit = this.id()): Promise<CommitOutcome> {
    return this.commit(number, v, { kind: 'write', extents: [{ offsetBytes, lengthBytes: data.length }] }, { data, commit })
  }

  push(chain: readonly number[], push: number, data: Uint8Array): Promise<{ failed: ServerId[] }> {
    return this.ask(chain[0] ?? 0, chunkserverApi.methods.push,
      { push: push as PushId, checksum: checksumOf(data), chain: this.shown(chain) }, data)
  }

  async read(number: number, { offsetBytes = 0, lengthBytes = CHUNK_BYTES, v = 1 } = {}): Promise<Buffer> {
    const link = await this.#client.link(this.member(number).shown.address, 'bulk')
    const { reply, payload } = await link.call(chunkserverApi.methods.read,
      { chunk, version: version(v), offsetBytes, lengthBytes }, { deadlineMs: 30_000 })
    assert.equal(checksumOf(payload), reply.checksum)
    return payload
  }

  /** What the disk of a server holds of the chunk. */
  onDisk(number: number): Buffer | undefined {
    return this.member(number).disk.contents().get(namesOf(chunk).file)?.subarray(dataStart(origin))
  }
}
