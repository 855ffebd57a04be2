import { LRUCache } from 'lru-cache'
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
  readonly #log: Log
  readonly #inUse = new Map<Key, Entry<Key>>()
  readonly #idle: LRUCache<Key, Entry<Key>>

  /** @param options.most files that stay open although nobody uses them */
  constructor({ most, log }: { most: number, log: Log }) {
    this.#log = log
    this.#idle = new LRUCache({
      max: most,
      dispose: (entry, _, reason) => { if (reason === 'evict') this.#close(entry) },
    })
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
    const used = this.#inUse.get(key)
    if (used !== undefined) {
      this.#inUse.delete(key)
      used.forgotten = true
      return
    }
    const idle = this.#idle.get(key)
    if (idle === undefined) return
    this.#idle.delete(key)
    this.#close(idle)
  }

  closeAll(): void {
    for (const key of [...this.#inUse.keys(), ...this.#idle.keys()]) this.forget(key)
  }

  #take(key: Key, open: () => OpenReplica): Entry<Key> {
    const entry = this.#inUse.get(key) ?? this.#idle.get(key) ?? { key, open: open(), users: 0, forgotten: false }
    if (entry.users === 0) {
      this.#idle.delete(key)
      this.#inUse.set(key, entry)
    }
    entry.users++
    return entry
  }

  #giveBack(entry: Entry<Key>): void {
    entry.users--
    if (entry.users > 0) return
    if (entry.forgotten) this.#close(entry)
    else {
      this.#inUse.delete(entry.key)
      this.#idle.set(entry.key, entry)
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
