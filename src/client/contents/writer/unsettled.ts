import type { Attributes } from '../../../protocol/attributes.ts'
import type { Clock } from '../../../seams/clock.ts'

/** What the master does not know yet of a file's end and of the time of its last write. */
export class Unsettled {
  readonly #clock: Clock
  readonly #tell: (endBytes: number, modifiedNs: bigint) => Promise<Attributes>
  #modifiedNs: bigint | undefined
  /** Behind the last byte that the replicas have and the master was not told of. */
  #sentEndBytes: number | undefined
  #telling: Promise<Attributes | undefined> = Promise.resolve(undefined)
  #tellingNow = 0

  constructor(clock: Clock, tell: (endBytes: number, modifiedNs: bigint) => Promise<Attributes>) {
    this.#clock = clock
    this.#tell = tell
  }

  /** Time of the last write that the master does not know. */
  get modifiedNs(): bigint | undefined {
    return this.#modifiedNs
  }

  /** Somebody writes: this is the time that counts, not that of the sending. */
  written(): void {
    this.#modifiedNs = this.#clock.wallNs()
  }

  sent(endBytes: number): void {
    this.#sentEndBytes = Math.max(this.#sentEndBytes ?? 0, endBytes)
  }

  /** Nothing that was written is on its way any more. */
  allGone(): void {
    if (this.#sentEndBytes === undefined && this.#tellingNow === 0) this.#modifiedNs = undefined
  }

  /** The file was cut: what lay behind is no longer its end. */
  cut(sizeBytes: number): void {
    if (this.#sentEndBytes !== undefined) this.#sentEndBytes = Math.min(this.#sentEndBytes, sizeBytes)
  }

  /** Tells the master, once at a time. @returns its answer, if there was something to tell */
  settle(): Promise<Attributes | undefined> {
    const told = this.#telling.catch(() => {}).then(() => this.#tellNow())
    this.#telling = told
    told.catch(() => {})
    return told
  }

  async #tellNow(): Promise<Attributes | undefined> {
    const endBytes = this.#sentEndBytes
    const modifiedNs = this.#modifiedNs ?? this.#clock.wallNs()
    if (endBytes === undefined) return undefined
    this.#sentEndBytes = undefined
    this.#tellingNow++
    try {
      return await this.#tell(endBytes, modifiedNs)
    } catch (error) {
      this.sent(endBytes)
      throw error
    } finally {
      this.#tellingNow--
    }
  }
}
