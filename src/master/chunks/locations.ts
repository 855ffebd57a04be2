import type { ChunkId, ChunkVersion, ServerId } from '../../protocol/identifiers.ts'
import type { Replica } from '../replicas/replica.ts'
import { ReplicaTable } from '../replicas/replica-table.ts'

/** Which server has which replica: only in memory, since servers tell it anew whenever they register. */
export class Locations {
  readonly #replicas = new ReplicaTable()
  readonly #bytes = new Map<ServerId, number>()
  /** Chunks of which we know that nothing was ever acknowledged. */
  readonly #blank = new Set<ChunkId>()
  readonly #fresh = new Set<ChunkId>()
  readonly #accepted = new Map<ChunkId, ChunkVersion>()
  readonly #uneven = new Map<ChunkId, ChunkVersion>()
  readonly #onChange: (chunk: ChunkId) => void
  #corruptCount = 0

  /** @param onChange hears of every chunk whose replicas changed */
  constructor(onChange: (chunk: ChunkId) => void) {
    this.#onChange = onChange
  }

  /** As they are now. */
  of(chunk: ChunkId): readonly Replica[] {
    return this.#replicas.of(chunk)
  }

  get(chunk: ChunkId, server: ServerId): Replica | undefined {
    return this.#replicas.get(chunk, server)
  }

  /** Replicas of a server. */
  countOf(server: ServerId): number {
    return this.#replicas.countOf(server)
  }

  /**
   * The chunks that a server has replicas of. May be gone through slowly: what it has all the time comes at least once; what
   * comes or goes meanwhile may or may not be among them.
   */
  chunksOf(server: ServerId): Generator<ChunkId, undefined> {
    return this.#replicas.chunksOf(server)
  }

  /** Bytes of a server's replicas, as last reported. */
  bytesOf(server: ServerId): number {
    return this.#bytes.get(server) ?? 0
  }

  /** Replicas of all chunks. */
  get count(): number {
    return this.#replicas.count
  }

  /** Those of them that are known to be corrupt. */
  get corruptCount(): number {
    return this.#corruptCount
  }

  set(chunk: ChunkId, replica: Replica): void {
    if (replica.state !== 'expected') this.#blank.delete(chunk)
    this.#counted(this.#replicas.set(chunk, replica), replica)
    this.#onChange(chunk)
  }

  remove(chunk: ChunkId, server: ServerId): void {
    const removed = this.#replicas.remove(chunk, server)
    if (removed === undefined) return
    this.#counted(removed, undefined)
    this.#onChange(chunk)
  }

  /** Forgets a chunk that is no more. @returns where its replicas were */
  forget(chunk: ChunkId): readonly Replica[] {
    const replicas = this.of(chunk)
    for (const { server } of replicas) this.#counted(this.#replicas.remove(chunk, server), undefined)
    this.#blank.delete(chunk)
    this.#fresh.delete(chunk)
    this.#accepted.delete(chunk)
    this.#uneven.delete(chunk)
    return replicas
  }

  /** A server begins to report all that it has: from here on {@link untoldOf} has what it has not {@link tell told} of. */
  beginReport(server: ServerId): void {
    this.#replicas.forgetTold(server)
  }

  tell(chunk: ChunkId, server: ServerId): void {
    this.#replicas.tell(chunk, server)
  }

  /** May be gone through slowly, as {@link chunksOf}. */
  untoldOf(server: ServerId): Generator<ChunkId, undefined> {
    return this.#replicas.untoldOf(server)
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

  /** Keeps the totals: one replica was known as `before` and is now `after`. */
  #counted(before: Replica | undefined, after: Replica | undefined): void {
    const server = (after ?? before)?.server
    if (server === undefined) return
    this.#bytes.set(server, this.bytesOf(server) + (after?.lengthBytes ?? 0) - (before?.lengthBytes ?? 0))
    if (before?.state === 'corrupt') this.#corruptCount--
    if (after?.state === 'corrupt') this.#corruptCount++
  }
}
