import { chunkIndexAt, type InodeId } from '../../../protocol/identifiers.ts'
import type { DataPath } from '../data-path.ts'
import type { LentBytes } from '../../file-system.ts'
import { Piece } from './pieces.ts'
import { readChunk } from './read-chunk.ts'
import { SequenceDetector } from './sequence.ts'

const PIECE_BYTES = 1024 * 1024

/** Random reads are widened to whole pages of this size. */
const PAGE_BYTES = 4096

let filesSoFar = 0

/** Reads what the replicas have of one file, ahead of those who read it from front to end. Knows nothing of unsent bytes. */
export class FileReader {
  readonly #inode: InodeId
  readonly #chunkSizeBytes: number
  readonly #path: DataPath
  readonly #file = ++filesSoFar
  readonly #sequence = new SequenceDetector()
  /** Where pieces start that may be in the cache. */
  readonly #starts = new Set<number>()

  constructor({ inode, chunkSizeBytes, path }: { inode: InodeId, chunkSizeBytes: number, path: DataPath }) {
    this.#inode = inode
    this.#chunkSizeBytes = chunkSizeBytes
    this.#path = path
  }

  /** @param endBytes at most the size of the file @param sizeBytes of the file */
  lend(startBytes: number, endBytes: number, sizeBytes: number): Promise<LentBytes> {
    const windowPieces = this.#sequence.next(startBytes, endBytes - startBytes)
    const loans: Promise<LentBytes>[] = []
    let next = startBytes
    while (next < endBytes) {
      const from = next
      const place = this.#placeOf(from, sizeBytes)
      const to = Math.min(place.endBytes, endBytes)
      // Who takes all of a piece leaves nothing of it for others to find.
      const wantsAll = from === place.startBytes && to === place.endBytes
      const piece = this.#known(place.startBytes, to) ?? (windowPieces > 0 && !wantsAll ? this.#fetch(place) : undefined)
      loans.push(piece === undefined
        ? this.#lendPages(from, to, place.endBytes)
        : this.#lendPiece(piece, place.startBytes, from, to))
      next = to
    }
    this.#readAhead(next, windowPieces, sizeBytes)
    const [only] = loans
    return loans.length === 1 && only !== undefined ? only : Promise.all(loans).then(joined)
  }

  /** The replicas have other bytes there now. */
  forget(startBytes: number, endBytes: number): void {
    if (this.#starts.size === 0) return
    for (let at = startBytes; at < endBytes;) {
      const place = this.#placeOf(at, Infinity)
      this.#forgetPiece(place.startBytes)
      at = place.endBytes
    }
  }

  forgetAll(): void {
    for (const start of this.#starts) this.#forgetPiece(start)
  }

  #forgetPiece(startBytes: number): void {
    if (this.#starts.delete(startBytes)) this.#path.pieces.forget(this.#file, startBytes)
  }

  #readAhead(fromBytes: number, windowPieces: number, sizeBytes: number): void {
    let next = fromBytes
    for (let ahead = 0; ahead < windowPieces && next < sizeBytes; ahead++) {
      const place = this.#placeOf(next, sizeBytes)
      if (this.#known(place.startBytes, place.endBytes) === undefined) this.#fetch(place)
      next = place.endBytes
    }
  }

  #known(startBytes: number, endBytes: number): Piece | undefined {
    if (!this.#starts.has(startBytes)) return undefined
    const piece = this.#path.pieces.get(this.#file, startBytes)
    // One that was fetched when the file was shorter lacks bytes.
    return piece === undefined || startBytes + piece.lengthBytes < endBytes ? undefined : piece
  }

  #fetch({ startBytes, endBytes }: Place): Piece {
    const piece = new Piece(endBytes - startBytes, this.#readRange(startBytes, endBytes))
    this.#starts.add(startBytes)
    this.#path.pieces.put(this.#file, startBytes, piece)
    return piece
  }

  async #lendPiece(piece: Piece, pieceStart: number, startBytes: number, endBytes: number): Promise<LentBytes> {
    const { parts, giveBack } = await piece.lend(startBytes - pieceStart, endBytes - pieceStart)
    return {
      parts,
      giveBack: () => {
        giveBack()
        if (piece.wasRead) this.#forgetPiece(pieceStart)
      },
    }
  }

  #lendPages(startBytes: number, endBytes: number, limitBytes: number): Promise<LentBytes> {
    // Pieces start at multiples of the page, so widening stays in the piece.
    const from = startBytes - startBytes % PAGE_BYTES
    const to = Math.min(limitBytes, Math.ceil(endBytes / PAGE_BYTES) * PAGE_BYTES)
    return new Piece(to - from, this.#readRange(from, to)).lend(startBytes - from, endBytes - from)
  }

  /** A range within one chunk. */
  #readRange(startBytes: number, endBytes: number): Promise<Uint8Array[]> {
    const index = chunkIndexAt(startBytes, this.#chunkSizeBytes)
    return readChunk(this.#path, {
      inode: this.#inode, index,
      offsetBytes: startBytes - index * this.#chunkSizeBytes, lengthBytes: endBytes - startBytes,
    })
  }

  /** The piece that the offset falls into: pieces are counted from the start of each chunk and end with it. */
  #placeOf(offsetBytes: number, sizeBytes: number): Place {
    const chunkStart = chunkIndexAt(offsetBytes, this.#chunkSizeBytes) * this.#chunkSizeBytes
    const startBytes = chunkStart + Math.floor((offsetBytes - chunkStart) / PIECE_BYTES) * PIECE_BYTES
    return { startBytes, endBytes: Math.min(startBytes + PIECE_BYTES, chunkStart + this.#chunkSizeBytes, sizeBytes) }
  }
}

interface Place {
  startBytes: number
  endBytes: number
}

function joined(loans: readonly LentBytes[]): LentBytes {
  return {
    parts: loans.flatMap(({ parts }) => parts),
    giveBack: () => { for (const loan of loans) loan.giveBack() },
  }
}
