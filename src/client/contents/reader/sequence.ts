/** A reader that goes on where it stopped. The kernel may send its requests in another order than it means them. */
interface Run {
  nextBytes: number
  windowPieces: number
}

/** Readers of one file that are told apart. */
const RUNS_MAX = 4
const WINDOW_PIECES_MAX = 8
const KiB = 1024
/** How far off its place a request of a reader may be: of one who may be sequential, and of one who is. */
const SLACK_BYTES = { unproven: 128 * KiB, proven: 1024 * KiB }

/** Tells sequential readers of a file from random ones, and how far ahead it is worth reading. */
export class SequenceDetector {
  readonly #runs: Run[] = []

  /** @returns how many pieces to read ahead of the request; 0 for a reader who jumps about */
  next(offsetBytes: number, lengthBytes: number): number {
    const endBytes = offsetBytes + lengthBytes
    const at = this.#runs.findIndex(run =>
      Math.abs(offsetBytes - run.nextBytes) <= (run.windowPieces > 0 ? SLACK_BYTES.proven : SLACK_BYTES.unproven))
    const [known] = at < 0 ? [] : this.#runs.splice(at, 1)
    // Who starts at the front mostly goes on to the end.
    const run = known ?? { nextBytes: endBytes, windowPieces: offsetBytes === 0 ? 1 : 0 }
    if (known !== undefined && endBytes > run.nextBytes) {
      run.nextBytes = endBytes
      run.windowPieces = Math.min(WINDOW_PIECES_MAX, Math.max(1, run.windowPieces * 2))
    }
    this.#runs.push(run)
    if (this.#runs.length > RUNS_MAX) this.#runs.shift()
    return run.windowPieces
  }
}
