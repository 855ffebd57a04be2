import type { ServerAddress } from '../../protocol/chunks.ts'
import type { ServerId } from '../../protocol/identifiers.ts'
import type { Link } from '../../protocol/link.ts'

/** 'stale': silent for a while, read last and given nothing new. 'dead': its replicas count as lost. */
export type ServerState = 'live' | 'stale' | 'dead'

/** What the master knows of one chunkserver, from registration, heartbeats and the state of its connection. */
export class Server {
  readonly id: ServerId
  address: string
  rack: string
  host: string
  totalBytes = 0
  freeBytes = 0
  /** When it last told how much of its disk is free. */
  spaceToldMs = -Infinity
  /** Calls it was serving at its last heartbeat. */
  load = 0
  /** Why its disk takes no writes; empty while it does. */
  diskFault = ''
  /** Replicas it found corrupt, and calls that its disk failed, since its process began. */
  corruptFound = 0
  diskFailures = 0
  /** Replicas placed there since its last heartbeat, which its free bytes do not tell of yet. */
  recentlyPlaced = 0
  /** Copies under way from or to it. */
  copies = 0
  /** Whether its report of all replicas has come since it registered. */
  reported = false
  /** Of its machine, as it said last; undefined before it has. */
  boot: string | undefined
  /** Whether its machine has lost power, and what it has left is not known yet. */
  lostPower = false
  lastHeardMs: number
  /** When its connection was lost, for a server that has none. */
  lostMs: number
  /** Until when clients could not reach it, by what they said. */
  avoidUntilMs = 0
  #link: Link | undefined

  constructor({ server, address, rack, host }: ServerAddress, nowMs: number) {
    this.id = server
    this.address = address
    this.rack = rack
    this.host = host
    this.lastHeardMs = nowMs
    this.lostMs = nowMs
  }

  /** The open connection that it dialled. */
  get link(): Link | undefined {
    return this.#link?.closed === false ? this.#link : undefined
  }

  attach(link: Link): void {
    this.#link = link
  }

  get shown(): ServerAddress {
    return { server: this.id, address: this.address, rack: this.rack, host: this.host }
  }

  get freeFraction(): number {
    return this.totalBytes === 0 ? 0 : this.freeBytes / this.totalBytes
  }
}
