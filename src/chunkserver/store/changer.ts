import { DfsError, isError } from '../../protocol/errors.ts'
import { limits } from '../../protocol/limits.ts'
import { Gate } from '../../seams/gate.ts'
import { recompute } from './blocks.ts'
import { bytesTouched, checkFits, type Change } from './change.ts'
import type { Durable } from './durable.ts'
import { storeError } from './fault.ts'
import type { OpenReplica } from './open-files.ts'
import type { ReplicaRecord } from './record.ts'
import { blocksIn } from './table.ts'
import { Pieces, resize, writeExtent } from './write.ts'

/** Changes of one replica, one at a time. */
export class Changer {
  readonly #record: ReplicaRecord
  readonly #durable: Durable
  readonly #gate = new Gate()
  /** When it was changed last, by the clock. */
  changedAtMs: number
  /** Why the latest change failed. Those behind it would leave a gap, so there are none until the next fence. */
  #refusal: DfsError | undefined

  constructor(record: ReplicaRecord, durable: Durable) {
    this.#record = record
    this.#durable = durable
    this.changedAtMs = record.shared.clock.nowMs()
  }

  /** Whether {@link between} would begin at once. */
  get isAtRest(): boolean {
    return this.#gate.isOpen
  }

  /** Work that waits for a change under way, and holds up the next one. */
  between<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#gate.shared(work)
  }

  /** Changes are taken again. */
  goOn(): void {
    this.#refusal = undefined
  }

  /**
   * Makes a change, alone: reads wait for it. One that fails leaves the replica as it was before, but for the bytes it was to
   * write, and all others are refused until {@link goOn}.
   * @param accept called before anything changes: whoever asked knows of any doubt
   */
  change(change: Change, accept?: () => void): Promise<void> {
    const record = this.#record
    return this.#gate.alone(() => record.use(async files => {
      record.refuseIfCorrupt()
      if (this.#refusal !== undefined) throw this.#refusal
      const data = new Pieces(change.data)
      checkFits(change, { givenBytes: data.lengthBytes, chunkSizeBytes: record.origin.chunkSizeBytes })
      this.#durable.changeBegins()
      try {
        // 1. Once, before the first change: the disk knows that data and table may disagree from now on.
        await this.#durable.makeDirty(files)
        // 2. Which bytes may disagree after a crash of this process. A lease that brings changes was given in
        //    knowledge of any doubt.
        accept?.()
        record.pending = bytesTouched(change, record.lengthBytes)
        record.writeHeader(files)
        // 3. The bytes, then their checksums.
        await this.#writeOrUndo(files, change, data)
      } catch (error) {
        this.#refusal = storeError(error)
        throw error
      } finally {
        this.#durable.changeEnds()
        this.changedAtMs = record.shared.clock.nowMs()
        record.shared.dirtied(record.owner)
      }
    }))
  }

  async #writeOrUndo(files: OpenReplica, change: Change, source: Pieces): Promise<void> {
    const record = this.#record
    const before = record.lengthBytes
    const fromBlock = Math.floor(record.pending.from / limits.blockBytes)
    const toBlock = (): number => blocksIn(Math.min(record.pending.to, record.lengthBytes))
    try {
      await this.#write(files, change, source)
      files.table.writeNow(files.file, fromBlock, toBlock())
    } catch (error) {
      if (isError(error, 'corrupt')) {
        // Extents in front of the rotten block were written, and stay readable.
        record.markCorrupt(files, error)
        files.table.writeNow(files.file, fromBlock, toBlock())
        throw error
      }
      await this.#undo(files, before)
      throw error
    }
  }

  async #write(files: OpenReplica, { lengthBytes, extents, known }: Change, source: Pieces): Promise<void> {
    const record = this.#record
    if (lengthBytes !== undefined) {
      resize(record.extended(files), lengthBytes)
      record.lengthBytes = lengthBytes
    }
    let sourceFrom = 0
    for (const extent of extents) {
      await writeExtent(record.extended(files), { ...extent, source, sourceFrom, known })
      sourceFrom += extent.lengthBytes
      if (extent.lengthBytes === 0) continue
      record.lengthBytes = Math.max(record.lengthBytes, extent.offsetBytes + extent.lengthBytes)
    }
  }

  /**
   * After a change that the disk broke off, as after a crash: the old length, and a table that fits what is there.
   * A full disk must not cost us replicas, least of all when it is the disk of all of them.
   */
  async #undo(files: OpenReplica, lengthBytes: number): Promise<void> {
    const record = this.#record
    try {
      const left = files.data.sizeBytes()
      if (left < lengthBytes) throw new DfsError('disk-failed', `chunk ${record.chunk} was cut short`)
      if (left > lengthBytes) files.data.truncateNow(lengthBytes)
      record.lengthBytes = lengthBytes
      const fromBlock = Math.floor(record.pending.from / limits.blockBytes)
      const toBlock = blocksIn(Math.min(record.pending.to, lengthBytes))
      await recompute(record.extended(files), fromBlock, toBlock)
      files.table.writeNow(files.file, fromBlock, toBlock)
    } catch (error) {
      record.markCorrupt(files, error)
    }
  }
}
