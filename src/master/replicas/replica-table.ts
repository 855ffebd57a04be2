import type { ChunkId, ChunkVersion, ServerId } from '../../protocol/identifiers.ts'
import { Column, float64, uint16, uint32, uint8 } from './column.ts'
import { Holders, type Holder } from './holders.ts'
import type { Replica, ReplicaState } from './replica.ts'
import { NONE, Rows } from './rows.ts'

/** Replicas that one row has room for. A chunk with more has several rows. */
const ROW_PLACES = 3

const states = ['good', 'doubtful', 'corrupt', 'expected'] as const satisfies readonly ReplicaState[]
const STATE_BITS = 0b11
const TOLD_BIT = 0b100

/**
 * Which server has which replica of which chunk, in typed arrays: about 90 bytes for a chunk with three replicas. Each
 * replica is in a place of one of its chunk's rows and in its server's list of places, and is found by either in a few steps,
 * however many there are.
 */
export class ReplicaTable {
  readonly #rows = new Rows()
  readonly #holders = new Holders()
  // One entry for each place; an empty one has holder 0.
  readonly #holder = new Column(uint16)
  readonly #version = new Column(float64)
  readonly #length = new Column(uint32)
  readonly #flags = new Column(uint8)
  /** Where in its holder's list the place stands. */
  readonly #listed = new Column(uint32)
  #count = 0

  /** Replicas of all chunks. */
  get count(): number {
    return this.#count
  }

  /** A chunk's replicas as they are now, in no order. */
  of(chunk: ChunkId): Replica[] {
    const found: Replica[] = []
    for (let row = this.#rows.find(chunk); row !== NONE; row = this.#rows.findNext(row)) {
      for (let place = row * ROW_PLACES; place < (row + 1) * ROW_PLACES; place++) {
        if (this.#holder.get(place) !== 0) found.push(this.#read(place))
      }
    }
    return found
  }

  get(chunk: ChunkId, server: ServerId): Replica | undefined {
    const place = this.#find(chunk, this.#holders.of(server))
    return place === undefined ? undefined : this.#read(place)
  }

  /** @returns what was known of this replica until now */
  set(chunk: ChunkId, { server, version, lengthBytes, state }: Replica): Replica | undefined {
    const holder = this.#holders.ofNew(server)
    const known = this.#find(chunk, holder)
    const before = known === undefined ? undefined : this.#read(known)
    const place = known ?? this.#add(chunk, holder)
    this.#version.set(place, version)
    this.#length.set(place, lengthBytes)
    this.#flags.set(place, (this.#flags.get(place) & ~STATE_BITS) | states.indexOf(state))
    return before
  }

  /** @returns what was known of it */
  remove(chunk: ChunkId, server: ServerId): Replica | undefined {
    const holder = this.#holders.of(server)
    const place = this.#find(chunk, holder)
    if (holder === undefined || place === undefined) return undefined
    const before = this.#read(place)
    this.#unlist(holder, place)
    this.#holder.set(place, 0)
    this.#count--
    const row = rowOf(place)
    if (this.#isEmpty(row)) this.#rows.remove(row)
    return before
  }

  countOf(server: ServerId): number {
    return this.#holders.of(server)?.count ?? 0
  }

  /**
   * The chunks that a server has replicas of. May be gone through slowly: what it has all the time comes at least once; what
   * comes or goes meanwhile may or may not be among them.
   */
  * chunksOf(server: ServerId): Generator<ChunkId, undefined> {
    for (const place of this.#placesOf(server)) yield this.#chunkAt(place)
  }

  // A report of all replicas of one server

  /** From here on none of the server's replicas counts as told of. */
  forgetTold(server: ServerId): void {
    for (const place of this.#placesOf(server)) this.#flags.set(place, this.#flags.get(place) & ~TOLD_BIT)
  }

  /** The server has told of this replica, if it is in the table. */
  tell(chunk: ChunkId, server: ServerId): void {
    const place = this.#find(chunk, this.#holders.of(server))
    if (place !== undefined) this.#flags.set(place, this.#flags.get(place) | TOLD_BIT)
  }

  /** The chunks of those that it has not told of; may be gone through slowly as {@link chunksOf}. */
  * untoldOf(server: ServerId): Generator<ChunkId, undefined> {
    for (const place of this.#placesOf(server)) {
      if ((this.#flags.get(place) & TOLD_BIT) === 0) yield this.#chunkAt(place)
    }
  }

  /** From the last: where one is removed the last takes its place in the list, and that one has been seen. */
  * #placesOf(server: ServerId): Generator<number, undefined> {
    const holder = this.#holders.of(server)
    if (holder === undefined) return
    for (let at = holder.count - 1; at >= 0; at = Math.min(at, holder.count) - 1) yield holder.places.get(at)
  }

  #find(chunk: ChunkId, holder: Holder | undefined): number | undefined {
    return holder === undefined ? undefined : this.#placeHeldBy(chunk, holder.number)
  }

  /** @param number of the holder; 0 finds an empty place */
  #placeHeldBy(chunk: ChunkId, number: number): number | undefined {
    for (let row = this.#rows.find(chunk); row !== NONE; row = this.#rows.findNext(row)) {
      for (let place = row * ROW_PLACES; place < (row + 1) * ROW_PLACES; place++) {
        if (this.#holder.get(place) === number) return place
      }
    }
    return undefined
  }

  #read(place: number): Replica {
    return {
      server: this.#holders.numbered(this.#holder.get(place)).server,
      version: this.#version.get(place) as ChunkVersion,
      lengthBytes: this.#length.get(place),
      state: states[this.#flags.get(place) & STATE_BITS] ?? 'good',
    }
  }

  #chunkAt(place: number): ChunkId {
    return this.#rows.chunkOf(rowOf(place)) as ChunkId
  }

  /** Takes a place for a new replica. */
  #add(chunk: ChunkId, holder: Holder): number {
    const place = this.#placeHeldBy(chunk, 0) ?? this.#rows.add(chunk) * ROW_PLACES
    this.#holder.set(place, holder.number)
    this.#flags.set(place, 0)
    this.#listed.set(place, holder.count)
    holder.places.set(holder.count, place)
    holder.count++
    this.#count++
    return place
  }

  #unlist(holder: Holder, place: number): void {
    const last = holder.places.get(holder.count - 1)
    const at = this.#listed.get(place)
    holder.places.set(at, last)
    this.#listed.set(last, at)
    holder.count--
  }

  #isEmpty(row: number): boolean {
    for (let place = row * ROW_PLACES; place < (row + 1) * ROW_PLACES; place++) {
      if (this.#holder.get(place) !== 0) return false
    }
    return true
  }
}

function rowOf(place: number): number {
  return Math.floor(place / ROW_PLACES)
}
