import type { Attributes } from '../../../protocol/attributes.ts'
import { isError } from '../../../protocol/errors.ts'
import type { ChunkVersion } from '../../../protocol/identifiers.ts'
import type { Clock } from '../../../seams/clock.ts'

/** What the master does not know yet of a file's end and of the time of its last write. */
export class Unsettled {
  readonly #clock: Clock
  readonly #tell: (endBytes: number, modifiedNs: bigint, oldestVersion: ChunkVersion) => Promise<Attributes>
  #modifiedNs: bigint | undefined
  /** Behind the last byte that the replicas have and the master was not told of, and the oldest version it was sent under. */
  #sent: { endBytes: number, oldestVersion: ChunkVersion } | undefined
  #telling: Promise<Attributes | undefined> = Promise.resolve(undefined)
  #tellingNow = 0

  constructor(
    clock: Clock, tell: (endBytes: number, modifiedNs: bigint, oldestVersion: ChunkVersion) => Promise<Attributes>,
  ) {
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

  /** @param version of the chunk, under which the replicas took the bytes */
  sent(endBytes: number, version: ChunkVersion): void {
    this.#sent = {
      endBytes: Math.max(this.#sent?.endBytes ?? 0, endBytes),
      oldestVersion: Math.min(this.#sent?.oldestVersion ?? Infinity, version) as ChunkVersion,
    }
  }

  /** Nothing that was written is on its way any more. */
  allGone(): void {
    if (this.#sent === undefined && this.#tellingNow === 0) this.#modifiedNs = undefined
  }

  /** The file was cut: what lay behind is no longer its end. */
  cut(sizeBytes: number): void {
    if (this.#sent !== undefined) this.#sent.endBytes = Math.min(this.#sent.endBytes, sizeBytes)
  }

  /**
   * Tells the master, once at a time. @returns its answer, if there was something to tell
   * @throws DfsError 'bytes-lost' the master has given up what was sent; it will not be told again
   */
  settle(): Promise<Attributes | undefined> {
    const told = this.#telling.catch(() => {}).then(() => this.#tellNow())
    this.#telling = told
    told.catch(() => {})
    return told
  }

  async #tellNow(): Promise<Attributes | undefined> {
    const sent = this.#sent
    const modifiedNs = this.#modifiedNs ?? this.#clock.wallNs()
    if (sent === undefined) return undefined
    this.#sent = undefined
    this.#tellingNow++
    try {
      return await this.#tell(sent.endBytes, modifiedNs, sent.oldestVersion)
    } catch (error) {
      if (!isError(error, 'bytes-lost')) this.sent(sent.endBytes, sent.oldestVersion)
      throw error
    } finally {
      this.#tellingNow--
    }
  }
}
