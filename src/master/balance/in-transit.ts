import type { ChunkId, ChunkVersion } from '../../protocol/identifiers.ts'
import type { Drops } from '../chunks/drops.ts'
import type { Server } from '../servers/server.ts'

/** A replica that moves, or has moved, and that the servers have not yet counted in what they say of their disks. */
export interface Transit {
  readonly chunk: ChunkId
  readonly lengthBytes: number
  readonly giver: Server
  readonly taker: Server
  /** When the taker had it; missing while it is copied. */
  takenMs?: number
  /** What the giver drops; missing until then. */
  droppedVersion?: ChunkVersion | undefined
  /** When the giver had dropped it. */
  droppedMs?: number
}

/** What heartbeats do not tell of yet: without it the same difference would be evened out twice. */
export class InTransit {
  readonly #drops: Drops
  readonly #transits = new Set<Transit>()

  constructor(drops: Drops) {
    this.#drops = drops
  }

  add(transit: Transit): void {
    this.#transits.add(transit)
  }

  remove(transit: Transit): void {
    this.#transits.delete(transit)
  }

  get count(): number {
    return this.#transits.size
  }

  /** Forgets what both servers have told of since it ended. */
  step(nowMs: number): void {
    for (const transit of this.#transits) {
      const { chunk, giver, droppedVersion } = transit
      if (droppedVersion === undefined) continue
      if (transit.droppedMs === undefined && !this.#drops.isDoomed(giver.id, chunk, droppedVersion)) transit.droppedMs = nowMs
      if (isCounted(transit) && isGone(transit)) this.#transits.delete(transit)
    }
  }

  /** What the server uses of its disk, in bytes, once everything that moves has come to its end. */
  usedBytes(server: Server): number {
    let usedBytes = server.totalBytes - server.freeBytes
    for (const transit of this.#transits) {
      if (transit.taker === server && !isCounted(transit)) usedBytes += transit.lengthBytes
      if (transit.giver === server && !isGone(transit)) usedBytes -= transit.lengthBytes
    }
    return Math.max(0, usedBytes)
  }
}

function isCounted({ taker, takenMs }: Transit): boolean {
  return takenMs !== undefined && taker.spaceToldMs > takenMs
}

function isGone({ giver, droppedMs }: Transit): boolean {
  return droppedMs !== undefined && giver.spaceToldMs > droppedMs
}
