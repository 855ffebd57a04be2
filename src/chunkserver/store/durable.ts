import type { ReplicaNames } from './names.ts'
import type { OpenReplica } from './open-files.ts'
import type { ReplicaRecord } from './record.ts'

/** What is known of a header beyond its contents. */
export interface Durability {
  /** The names and a header survive a power cut. */
  names: boolean
  /** No power cut can bring back a header that says 'clean'. */
  dirty: boolean
}

/** What of a replica is on stable storage, and getting the rest there. */
export class Durable {
  readonly #record: ReplicaRecord
  readonly #durable: Durability
  #changing = false
  /** Changes ended, those of them that are on stable storage, and how often it was made clean. */
  #changes = 0
  #syncedChanges = -1
  #timesCleaned = 0

  constructor(record: ReplicaRecord, durable: Durability) {
    this.#record = record
    this.#durable = durable
  }

  changeBegins(): void {
    this.#changing = true
  }

  changeEnds(): void {
    this.#changing = false
    this.#changes++
  }

  /** When this resolves, every change that had ended at the call survives a power cut. @throws DfsError 'corrupt' */
  async sync(): Promise<void> {
    this.#record.refuseIfCorrupt()
    if (this.#record.clean) return
    const changes = this.#changes
    if (this.#durable.names && this.#durable.dirty && changes === this.#syncedChanges) return
    await this.#record.use(files => this.#record.orCorrupt(files, async () => {
      await this.anchor(files)
      this.#syncedChanges = Math.max(this.#syncedChanges, changes)
    }))
  }

  /**
   * Makes everything durable and says so in the header, so that a power cut leaves no doubt.
   * @returns whether it is clean now: not if it was changed meanwhile
   * @internal the store does this to idle replicas
   */
  async makeClean(): Promise<boolean> {
    if (this.#record.clean) return true
    this.#record.refuseIfCorrupt()
    return this.#record.use(files => this.#record.orCorrupt(files, async () => {
      const changes = this.#changes
      await this.anchor(files)
      if (this.#changing || changes !== this.#changes || this.#record.state === 'corrupt') return false
      // Data and table are durable, so either header may survive a power cut that falls before the next sync.
      this.#setClean(files)
      await files.file.sync()
      return true
    }))
  }

  /**
   * Ends the making of a copy: durable, and clean, before it takes its proper names.
   * @internal
   */
  async finishCopy(rename: () => Promise<ReplicaNames>): Promise<void> {
    await this.#record.use(async files => {
      // The header may say so before it is true: under its temporary name nobody believes it.
      this.#setClean(files)
      await files.file.sync()
      this.#record.names = await rename()
    })
    this.#durable.names = true
  }

  /** Before the first change since it was clean: the disk knows that data and table may disagree. */
  async makeDirty(files: OpenReplica): Promise<void> {
    if (this.#record.clean) {
      this.#record.clean = false
      this.#record.writeHeader(files)
    }
    if (!this.#durable.dirty) await this.#record.orCorrupt(files, () => this.anchor(files))
  }

  #setClean(files: OpenReplica): void {
    this.#record.pending = { from: 0, to: 0 }
    this.#record.clean = true
    this.#timesCleaned++
    this.#durable.dirty = false
    this.#record.writeHeader(files)
  }

  /** Makes the file and its name durable. */
  async anchor(files: OpenReplica): Promise<void> {
    const dirty = !this.#record.clean
    const timesCleaned = this.#timesCleaned
    await Promise.all([
      files.file.sync(),
      this.#durable.names ? undefined : this.#record.shared.folders.sync(this.#record.names.folder),
    ])
    this.#durable.names = true
    // A header that was made clean meanwhile may be what the disk has.
    if (dirty && timesCleaned === this.#timesCleaned) this.#durable.dirty = true
  }
}
