import type { ChunkOrigin, ServerAddress } from '../../protocol/chunks.ts'
import type { CommitOutcome } from '../../protocol/chunkserver-api.ts'
import { DfsError } from '../../protocol/errors.ts'
import type { ChunkId, ChunkVersion, CommitId, SerialNumber, ServerId } from '../../protocol/identifiers.ts'

export interface LeaseTerms {
  chunk: ChunkId
  version: ChunkVersion
  origin: ChunkOrigin
  /** The other members. */
  peers: readonly ServerAddress[]
  leaseMs: number
  /** There were no replicas when it began: the first mutation makes them. */
  create: boolean
  /** Of the replica when the lease began. */
  lengthBytes: number
  /** How long a mutation may take: none starts that might end after the lease. */
  applyMs: number
}

/** What a primary keeps while it may order the mutations of a chunk. */
export class Lease {
  readonly terms: LeaseTerms
  /** Mutations that have a number and no outcome. */
  readonly running = new Map<CommitId, Promise<CommitOutcome>>()
  /** Length of the chunk after everything numbered so far. */
  plannedLengthBytes: number
  #nextSerial = 1
  #endsAtMs = 0
  #ended = false
  #everyoneJoined = false
  readonly #failed = new Set<ServerId>()

  constructor(terms: LeaseTerms, fromMs: number) {
    this.terms = terms
    this.plannedLengthBytes = terms.lengthBytes
    this.renew(fromMs)
  }

  takeSerial(): SerialNumber {
    return this.#nextSerial++ as SerialNumber
  }

  /**
   * Whether members may still have to make their replica. Once all have, one without it has lost it in a power cut, and
   * must say so at once instead of waiting for a first mutation that came long ago.
   */
  get create(): boolean {
    return this.terms.create && !this.#everyoneJoined
  }

  /** All members have applied a mutation. */
  joined(): void {
    this.#everyoneJoined = true
  }

  /** Whether no mutation got a number under it. */
  get untouched(): boolean {
    return this.#nextSerial === 1
  }

  /** Lets it go on for a full term. @param fromMs when it was asked for, which is before the master agreed */
  renew(fromMs: number): void {
    this.#endsAtMs = Math.max(this.#endsAtMs, fromMs + this.terms.leaseMs)
  }

  /** Whether something that begins now is a reason to ask for more: not early in its term, for most files are written once. */
  wantsRenewal(nowMs: number): boolean {
    return this.isGood && nowMs > this.#endsAtMs - this.terms.leaseMs * 3 / 4
  }

  /** Whether anything can still be done under it, as long as it runs. */
  get isGood(): boolean {
    return !this.#ended && this.#failed.size === 0
  }

  /** Nothing starts under it any more; what runs may finish. */
  end(): void {
    this.#ended = true
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Servers that did not do their part: nothing more can be done under this version. */
  get failed(): readonly ServerId[] {
    return [...this.#failed]
  }

  fail(servers: Iterable<ServerId>): void {
    for (const server of servers) this.#failed.add(server)
  }

  /** @throws DfsError 'lease-lost' nothing may start under this version here */
  checkMayStart(version: ChunkVersion, nowMs: number): void {
    this.#checkVersion(version)
    const marginMs = Math.min(this.terms.leaseMs / 4, this.terms.applyMs + 1_000)
    if (nowMs >= this.#endsAtMs - marginMs) throw this.#lost('it has run out')
  }

  /**
   * Whether what was done under it may be acknowledged. A fence is no reason not to: all members have applied the
   * mutation, so whoever the master fenced holds it. Time is one: behind the end of a lease that nobody fenced, the master
   * may be copying replicas, and a copy may have missed the mutation.
   * @throws DfsError 'lease-lost'
   */
  checkMayAcknowledge(nowMs: number): void {
    if (nowMs >= this.#endsAtMs) throw this.#lost('it ran out meanwhile')
  }

  #checkVersion(version: ChunkVersion): void {
    if (version !== this.terms.version) throw this.#lost(`it is for version ${this.terms.version}, not ${version}`)
    if (this.#ended) throw this.#lost('the master ended it')
  }

  #lost(why: string): DfsError {
    return new DfsError('lease-lost', `no lease of chunk ${this.terms.chunk}: ${why}`)
  }
}
