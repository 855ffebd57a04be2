import { LRUCache } from 'lru-cache'
import type { Clock } from '../../../seams/clock.ts'
import { recycle } from '../../../seams/payloads.ts'
import type { LentBytes } from '../../file-system.ts'
import { slice } from './buffers.ts'

/**
 * Bytes of a file that were read, or are on their way. Their memory is used again once no cache has them and nobody they
 * were lent to: the collector would have to find every MiB that goes through a mount.
 */
export class Piece {
  readonly lengthBytes: number
  readonly #arriving: Promise<Uint8Array[]>
  #bytes: Uint8Array[] | undefined
  #loans = 0
  #unreadBytes: number
  #cached = false

  constructor(lengthBytes: number, bytes: Promise<Uint8Array[]>) {
    this.lengthBytes = lengthBytes
    this.#unreadBytes = lengthBytes
    this.#arriving = bytes
  }

  /** When the bytes are here. Rejects with what kept them from coming. */
  get arrived(): Promise<unknown> {
    return this.#arriving
  }

  /** As many bytes as there are were lent and given back: who reads in order does not come back for them. */
  get wasRead(): boolean {
    return this.#unreadBytes <= 0
  }

  /** A range of its bytes, uncopied. @throws as {@link arrived} */
  async lend(fromBytes: number, toBytes: number): Promise<LentBytes> {
    this.#loans++
    const bytes = await this.#arriving
    this.#bytes = bytes
    let given = false
    return {
      parts: slice(bytes, fromBytes, toBytes),
      giveBack: () => {
        if (given) return
        given = true
        this.#unreadBytes -= toBytes - fromBytes
        this.#loans--
        this.#recycle()
      },
    }
  }

  /** A cache has it, and whoever asks that cache; or no longer. */
  cached(is: boolean): void {
    this.#cached = is
    this.#recycle()
  }

  #recycle(): void {
    if (!this.#cached && this.#loans === 0) this.#bytes?.forEach(recycle)
  }
}

/** What is read ahead is used soon, or not at all. */
const KEEP_MS = 10_000

/** What all readers of a client have read ahead, bounded together. */
export class PieceCache {
  readonly #clock: Clock
  readonly #pieces: LRUCache<string, { piece: Piece, untilMs: number }>

  constructor(clock: Clock, bytesMax: number) {
    this.#clock = clock
    this.#pieces = new LRUCache({
      maxSize: bytesMax,
      sizeCalculation: ({ piece }) => Math.max(1, piece.lengthBytes),
      dispose: ({ piece }) => { piece.cached(false) },
    })
  }

  get(file: number, startBytes: number): Piece | undefined {
    const key = keyOf(file, startBytes)
    const entry = this.#pieces.get(key)
    if (entry === undefined) return undefined
    if (entry.untilMs > this.#clock.nowMs()) return entry.piece
    this.#pieces.delete(key)
    return undefined
  }

  put(file: number, startBytes: number, piece: Piece): void {
    const key = keyOf(file, startBytes)
    const entry = { piece, untilMs: this.#clock.nowMs() + KEEP_MS }
    piece.cached(true)
    this.#pieces.set(key, entry)
    // Whoever waits for it hears of the error; nobody else should find it here.
    piece.arrived.catch(() => {
      if (this.#pieces.peek(key) === entry) this.#pieces.delete(key)
    })
  }

  forget(file: number, startBytes: number): void {
    this.#pieces.delete(keyOf(file, startBytes))
  }
}

function keyOf(file: number, startBytes: number): string {
  return `${file}/${startBytes}`
}
