import type { ReplicaNames } from './names.ts'
import type { OpenReplica } from './open-files.ts'
import type { ReplicaRecord } from './record.ts'

/** What is known of a header beyond its contents. */
export interface Durability {
  /** The names and a header survive a power cut. */
  names: boolean
  /** No power cut can bring back a header that says 'clean' or 'settling'. */
  dirty: boolean
}

/** What of a replica is on stable storage, and getting the rest there. */
export class Durable {
  readonly #record: ReplicaRecord
  readonly #durable: Durability
  #changing = false
  /** Once and for all: where it fails, a second try would succeed and prove nothing. */
  #naming: Promise<void> | undefined
  /** Changes ended, those of them that are on stable storage, and how often a header was written that is not dirty. */
  #changes = 0
  #syncedChanges = -1
  #timesMarked = 0

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
    if (this.#record.mark === 'clean') return
    const changes = this.#changes
    if (this.#durable.names && this.#durable.dirty && changes === this.#syncedChanges) return
    await this.#record.use(files => this.#record.orCorrupt(files, async () => {
      await this.anchor(files)
      this.#syncedChanges = Math.max(this.#syncedChanges, changes)
    }))
  }

  /**
   * Makes everything durable and has the header say so, or tell how to see it, so that a power cut leaves no doubt.
   * @returns whether it is clean now: not if it was changed meanwhile
   * @internal the store does this to idle replicas
   */
  async makeClean(): Promise<boolean> {
    const record = this.#record
    if (record.mark === 'clean') return true
    record.refuseIfCorrupt()
    return record.use(files => record.orCorrupt(files, async () => {
      if (this.#changing) return false
      // 1. With one sync for all: the header tells what data and table will be like once they are all on the disk.
      this.#mark(files, 'settling')
      const marked = this.#timesMarked
      await this.anchor(files)
      if (record.mark !== 'settling' || marked !== this.#timesMarked || record.state === 'corrupt') return false
      // 2. They are, so either header may survive a power cut: this one spares the next start looking.
      this.#mark(files, 'clean')
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
      this.#mark(files, 'clean')
      await files.file.sync()
      this.#record.names = await rename()
    })
    this.#durable.names = true
  }

  /** Before the first change since it was clean: the disk knows that data and table may disagree. */
  async makeDirty(files: OpenReplica): Promise<void> {
    if (this.#record.mark !== 'dirty') {
      this.#record.mark = 'dirty'
      this.#record.writeHeader(files)
    }
    if (!this.#durable.dirty) await this.#record.orCorrupt(files, () => this.anchor(files))
  }

  /** Writes a header that a power cut may bring back from now on. */
  #mark(files: OpenReplica, mark: 'settling' | 'clean'): void {
    this.#record.pending = { from: 0, to: 0 }
    this.#record.mark = mark
    this.#timesMarked++
    this.#durable.dirty = false
    this.#record.writeHeader(files)
  }

  /** Makes its name durable. Those who ask in one go share a sync of their folder. */
  async anchorName(): Promise<void> {
    if (this.#durable.names) return
    await (this.#naming ??= this.#record.shared.folders.sync(this.#record.names.folder))
    this.#durable.names = true
  }

  /** Makes the file and its name durable. */
  async anchor(files: OpenReplica): Promise<void> {
    const dirty = this.#record.mark === 'dirty'
    const timesMarked = this.#timesMarked
    await Promise.all([files.file.sync(), this.anchorName()])
    // A header that was written meanwhile and says something else may be what the disk has.
    if (dirty && timesMarked === this.#timesMarked) this.#durable.dirty = true
  }
}
