import type { ChunkId, ChunkVersion, ServerId } from '../../protocol/identifiers.ts'

/**
 * 'expected': a first lease was granted, so the replica may have been made, but its server has not reported it.
 * 'doubtful': after a power cut it may lack acknowledged bytes.
 */
export type ReplicaState = 'good' | 'doubtful' | 'corrupt' | 'expected'

export interface Replica {
  readonly server: ServerId
  version: ChunkVersion
  /** As last reported: servers do not tell of every write, but some seconds after the last one. */
  lengthBytes: number
  state: ReplicaState
}

const none: readonly Replica[] = []

/** Which server has which replica: only in memory, since servers tell it anew whenever they register. */
export class Locations {
  readonly #replicas = new Map<ChunkId, Replica[]>()
  readonly #ofServer = new Map<ServerId, Set<ChunkId>>()
  readonly #bytes = new Map<ServerId, number>()
  /** Chunks of which we know that nothing was ever acknowledged. */
  readonly #blank = new Set<ChunkId>()
  readonly #fresh = new Set<ChunkId>()
  readonly #accepted = new Map<ChunkId, ChunkVersion>()
  readonly #uneven = new Map<ChunkId, ChunkVersion>()
  readonly #onChange: (chunk: ChunkId) => void
  #count = 0
  #corruptCount = 0

  /** @param onChange hears of every chunk whose replicas changed */
  constructor(onChange: (chunk: ChunkId) => void) {
    this.#onChange = onChange
  }

  of(chunk: ChunkId): readonly Replica[] {
    return this.#replicas.get(chunk) ?? none
  }

  get(chunk: ChunkId, server: ServerId): Replica | undefined {
    return this.#replicas.get(chunk)?.find(replica => replica.server === server)
  }

  /** The chunks a server has replicas of. */
  ofServer(server: ServerId): ReadonlySet<ChunkId> {
    return this.#ofServer.get(server) ?? new Set()
  }

  /** Bytes of a server's replicas, as last reported. */
  bytesOf(server: ServerId): number {
    return this.#bytes.get(server) ?? 0
  }

  chunks(): Iterable<ChunkId> {
    return this.#replicas.keys()
  }

  /** Replicas of all chunks. */
  get count(): number {
    return this.#count
  }

  /** Those of them that are known to be corrupt. */
  get corruptCount(): number {
    return this.#corruptCount
  }

  set(chunk: ChunkId, { server, version, lengthBytes, state }: Replica): void {
    if (state !== 'expected') this.#blank.delete(chunk)
    const replicas = this.#replicas.get(chunk)
    const known = replicas?.find(replica => replica.server === server)
    this.#addBytes(server, lengthBytes - (known?.lengthBytes ?? 0))
    if (state === 'corrupt') this.#corruptCount++
    if (known !== undefined) {
      if (known.state === 'corrupt') this.#corruptCount--
      known.version = version
      known.lengthBytes = lengthBytes
      known.state = state
    } else {
      const added = { server, version, lengthBytes, state }
      if (replicas === undefined) this.#replicas.set(chunk, [added])
      else replicas.push(added)
      this.#chunksOf(server).add(chunk)
      this.#count++
    }
    this.#onChange(chunk)
  }

  remove(chunk: ChunkId, server: ServerId): void {
    const replicas = this.#replicas.get(chunk)
    const at = replicas?.findIndex(replica => replica.server === server) ?? -1
    if (replicas === undefined || at < 0) return
    const [removed] = replicas.splice(at, 1)
    this.#addBytes(server, -(removed?.lengthBytes ?? 0))
    if (removed?.state === 'corrupt') this.#corruptCount--
    if (replicas.length === 0) this.#replicas.delete(chunk)
    this.#ofServer.get(server)?.delete(chunk)
    this.#count--
    this.#onChange(chunk)
  }

  /** Forgets a chunk that is no more. @returns where its replicas were */
  forget(chunk: ChunkId): readonly Replica[] {
    const replicas = this.of(chunk)
    this.#replicas.delete(chunk)
    this.#blank.delete(chunk)
    this.#fresh.delete(chunk)
    this.#accepted.delete(chunk)
    this.#uneven.delete(chunk)
    for (const { server, lengthBytes } of replicas) {
      this.#ofServer.get(server)?.delete(chunk)
      this.#addBytes(server, -lengthBytes)
    }
    this.#count -= replicas.length
    this.#corruptCount -= replicas.filter(({ state }) => state === 'corrupt').length
    return replicas
  }

  /** Nothing was ever acknowledged for the chunk, until some replica of it turns up. */
  setBlank(chunk: ChunkId, blank: boolean): void {
    if (blank) this.#blank.add(chunk)
    else this.#blank.delete(chunk)
  }

  /** The chunk was just allocated: nobody has ever had a lease of it. */
  setFresh(chunk: ChunkId): void {
    this.#blank.add(chunk)
    this.#fresh.add(chunk)
  }

  /** Whether nobody ever had a lease; from now on somebody may have. */
  takeFresh(chunk: ChunkId): boolean {
    return this.#fresh.delete(chunk)
  }

  isBlank(chunk: ChunkId): boolean {
    return this.#blank.has(chunk)
  }

  /** Doubtful replicas of this version are all that is left, and have been made alike: they count as good. */
  accept(chunk: ChunkId, version: ChunkVersion): void {
    this.#accepted.set(chunk, version)
  }

  isAccepted(chunk: ChunkId, version: ChunkVersion): boolean {
    return this.#accepted.get(chunk) === version
  }

  /** Replicas of this version may differ in a mutation that was never acknowledged. */
  setUneven(chunk: ChunkId, version: ChunkVersion): void {
    this.#uneven.set(chunk, version)
    this.#onChange(chunk)
  }

  /** They have been made alike. */
  setEven(chunk: ChunkId): void {
    this.#uneven.delete(chunk)
  }

  isUneven(chunk: ChunkId, version: ChunkVersion): boolean {
    return this.#uneven.get(chunk) === version
  }

  #addBytes(server: ServerId, bytes: number): void {
    this.#bytes.set(server, this.bytesOf(server) + bytes)
  }

  #chunksOf(server: ServerId): Set<ChunkId> {
    let chunks = this.#ofServer.get(server)
    if (chunks === undefined) this.#ofServer.set(server, chunks = new Set())
    return chunks
  }
}
