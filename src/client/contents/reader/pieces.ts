import { LRUCache } from 'lru-cache'
import type { Clock } from '../../../seams/clock.ts'

/** Bytes of a file that were read ahead, or are on their way. */
export interface Piece {
  readonly lengthBytes: number
  readonly bytes: Promise<Uint8Array[]>
}

/** What was read ahead is used soon, or not at all. */
const KEEP_MS = 10_000

/** What all readers of a client have read ahead, bounded together. */
export class PieceCache {
  readonly #clock: Clock
  readonly #pieces: LRUCache<string, Piece & { untilMs: number }>

  constructor(clock: Clock, bytesMax: number) {
    this.#clock = clock
    this.#pieces = new LRUCache({ maxSize: bytesMax, sizeCalculation: piece => Math.max(1, piece.lengthBytes) })
  }

  get(file: number, startBytes: number): Piece | undefined {
    const key = keyOf(file, startBytes)
    const piece = this.#pieces.get(key)
    if (piece === undefined || piece.untilMs > this.#clock.nowMs()) return piece
    this.#pieces.delete(key)
    return undefined
  }

  put(file: number, startBytes: number, { lengthBytes, bytes }: Piece): void {
    const key = keyOf(file, startBytes)
    const entry = { lengthBytes, bytes, untilMs: this.#clock.nowMs() + KEEP_MS }
    this.#pieces.set(key, entry)
    // Whoever waits for it hears of the error; nobody else should find it here.
    bytes.catch(() => {
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
