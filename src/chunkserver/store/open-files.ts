import type { ChunkOrigin } from '../../protocol/chunks.ts'
import type { DiskFile } from '../../seams/disk.ts'
import type { Log } from '../../seams/log.ts'
import { Section } from './section.ts'
import { blocksIn, dataStart, Table } from './table.ts'

/** The file of a replica, and its table, while they are in use or were lately. */
export interface OpenReplica {
  /** As a whole, beginning with the header. */
  readonly file: DiskFile
  /** The replica's bytes, which are the rest of the file behind the table. */
  readonly data: DiskFile
  readonly table: Table
}

/** @param origin as the header says: how long the table may get */
export function opened(file: DiskFile, origin: ChunkOrigin, lengthBytes: number): OpenReplica {
  return { file, data: new Section(file, dataStart(origin)), table: Table.readNow(file, blocksIn(lengthBytes)) }
}

interface Entry<Key> {
  readonly key: Key
  readonly open: OpenReplica
  users: number
  forgotten: boolean
}

/** Keeps the files of the replicas used last open, and those in use, whatever their number. */
export class OpenFiles<Key extends object> {
  readonly #most: number
  readonly #log: Log
  /** Least lately used first. */
  readonly #entries = new Map<Key, Entry<Key>>()

  constructor({ most, log }: { most: number, log: Log }) {
    this.#most = most
    this.#log = log
  }

  /** Runs `work` with the files, which stay open as long as it runs. */
  async use<Result>(
    key: Key, open: () => OpenReplica, work: (files: OpenReplica) => Result | Promise<Result>,
  ): Promise<Result> {
    const entry = this.#take(key, open)
    try {
      return await work(entry.open)
    } finally {
      this.#giveBack(entry)
    }
  }

  /** Like {@link use}, for work that does not wait. */
  useNow<Result>(key: Key, open: () => OpenReplica, work: (files: OpenReplica) => Result): Result {
    const entry = this.#take(key, open)
    try {
      return work(entry.open)
    } finally {
      this.#giveBack(entry)
    }
  }

  /** Closes the files now, or when the last user has done with them. */
  forget(key: Key): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    entry.forgotten = true
    if (entry.users === 0) this.#close(entry)
  }

  closeAll(): void {
    for (const key of [...this.#entries.keys()]) this.forget(key)
  }

  #take(key: Key, open: () => OpenReplica): Entry<Key> {
    let entry = this.#entries.get(key)
    if (entry === undefined) {
      if (this.#entries.size >= this.#most) this.#closeOldest()
      entry = { key, open: open(), users: 0, forgotten: false }
    } else {
      this.#entries.delete(key)
    }
    this.#entries.set(key, entry)
    entry.users++
    return entry
  }

  #giveBack(entry: Entry<Key>): void {
    entry.users--
    if (entry.users === 0 && entry.forgotten) this.#close(entry)
  }

  #closeOldest(): void {
    for (const entry of this.#entries.values()) {
      if (entry.users > 0) continue
      this.forget(entry.key)
      return
    }
  }

  #close({ open }: Entry<Key>): void {
    try {
      open.file.close()
    } catch (error) {
      // Nothing is lost by it: what counts was synced, and a sync would have told.
      this.#log.warn({ error }, 'the file of a replica could not be closed')
    }
  }
}
