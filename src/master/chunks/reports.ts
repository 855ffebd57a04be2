import type { ReplicaReport } from '../../protocol/chunks.ts'
import type { ChunkId, ServerId } from '../../protocol/identifiers.ts'
import { eachInTurns } from '../../seams/background.ts'
import type { Clock } from '../../seams/clock.ts'
import type { Log } from '../../seams/log.ts'
import { bounds } from '../config.ts'
import { ANY_VERSION, type Drops } from './drops.ts'
import type { Leases } from './leases.ts'
import type { Locations } from './locations.ts'
import type { ChunkRecord, ChunkTable } from './table.ts'

/**
 * What a reported replica is to the cluster.
 * 'known': of a chunk there is; whether it is current follows from its version. 'garbage': of a chunk that is no more.
 * 'from the future': of a chunk that the master has never handed out: its own state must be too old to judge.
 */
export type Judgement = 'known' | 'garbage' | 'from the future'

export function judge({ chunk }: { chunk: ChunkId }, record: ChunkRecord | undefined, nextChunk: number): Judgement {
  if (record !== undefined) return 'known'
  return chunk < nextChunk ? 'garbage' : 'from the future'
}

/** Takes in what chunkservers say about their replicas. */
export class Reports {
  readonly #table: ChunkTable
  readonly #locations: Locations
  readonly #leases: Leases
  readonly #drops: Drops
  readonly #clock: Clock
  readonly #log: Log
  #warnedOfFuture = false

  constructor({ table, locations, leases, drops, clock, log }: {
    table: ChunkTable, locations: Locations, leases: Leases, drops: Drops, clock: Clock, log: Log,
  }) {
    this.#table = table
    this.#locations = locations
    this.#leases = leases
    this.#drops = drops
    this.#clock = clock
    this.#log = log
    drops.onKept((server, replicas) => { this.changed(server, replicas) })
  }

  /** Replicas that came or changed. */
  changed(server: ServerId, replicas: readonly ReplicaReport[]): void {
    this.#take(server, replicas, { mayBeOlder: false })
  }

  #take(server: ServerId, replicas: readonly ReplicaReport[], { mayBeOlder }: { mayBeOlder: boolean }): void {
    for (const replica of replicas) {
      this.#takeOne(server, replica, mayBeOlder)
      this.#locations.tell(replica.chunk, server)
    }
  }

  #takeOne(server: ServerId, replica: ReplicaReport, mayBeOlder: boolean): void {
    const { chunk, version, lengthBytes, state } = replica
    // Else one surplus replica would count again, and the next be dropped for it, until none is left.
    if (this.#drops.isDoomed(server, chunk, version)) return
    const record = this.#table.chunk(chunk)
    switch (judge(replica, record, this.#table.nextChunk)) {
      case 'known':
        // Versions only rise on a server, so this was written down before a fence that it has answered since.
        if (!mayBeOlder && version < (this.#locations.get(chunk, server)?.version ?? 0)) break
        if (replica.uneven === true && version === record?.version) this.#locations.setUneven(chunk, version)
        this.#locations.set(chunk, {
          server, version, lengthBytes,
          state: state === 'doubtful' && !mayBeOlder && this.#locations.isAccepted(chunk, version) ? 'good' : state,
        })
        break
      case 'garbage':
        // Whatever a fence whose answer was lost has made of its version: the chunk is gone for ever.
        this.#drops.add(server, chunk, ANY_VERSION)
        break
      case 'from the future':
        this.#warnOfFuture(server, chunk)
        break
    }
  }

  gone(server: ServerId, chunks: readonly ChunkId[]): void {
    for (const chunk of chunks) this.#locations.remove(chunk, server)
  }

  /**
   * A page of a full report.
   * @param isFirstReport the server has just registered: it may have restarted on an older copy of its disk
   * @param lostPower since its last report
   * @returns whether the page was the last, once what the report has not named is forgotten
   */
  async page(server: ServerId, { replicas, first, last, isFirstReport, lostPower }: {
    replicas: readonly ReplicaReport[], first: boolean, last: boolean, isFirstReport: boolean, lostPower: boolean,
  }): Promise<boolean> {
    if (first) this.#locations.beginReport(server)
    this.#take(server, replicas, { mayBeOlder: isFirstReport })
    if (!last) return false
    await eachInTurns(this.#clock, this.#locations.untoldOf(server), bounds.forgottenPerSliceMax, chunk => {
      // A member of a running first lease makes its replica with the first mutation, perhaps after this report. One that lost
      // power may have made one and lost it: that it has none must not be taken for a proof that none was made.
      const isExpected = !lostPower && this.#locations.get(chunk, server)?.state === 'expected'
      const mayStillCome = isExpected && this.#leases.of(chunk) !== undefined
      if (!mayStillCome) this.#locations.remove(chunk, server)
    })
    return true
  }

  #warnOfFuture(server: ServerId, chunk: ChunkId): void {
    const facts = { server, chunk, nextChunk: this.#table.nextChunk }
    this.#log.error(facts, 'a replica of a chunk that this master has never handed out: is its data folder an old copy? '
      + 'The replica is left alone')
    this.#warnedOfFuture = true
  }

  /** Whether some server has chunks that this master does not know of. */
  get warnedOfFuture(): boolean {
    return this.#warnedOfFuture
  }
}
