import type { Disk } from '../../seams/disk.ts'

/** Folder syncs, shared: callers that come while one runs all wait for the one after it. */
export class FolderSyncs {
  readonly #disk: Disk
  readonly #running = new Map<string, { now: Promise<void>, next: Promise<void> | undefined }>()
  /** Folders whose own names survive a power cut. */
  readonly #anchored = new Set<string>(['.'])

  constructor(disk: Disk) {
    this.#disk = disk
  }

  /** When this resolves, every name that was in the folder at the call survives a power cut, and so does the folder. */
  async sync(folder: string): Promise<void> {
    await this.#shared(folder)
    if (this.#anchored.has(folder)) return
    await this.sync(folder.includes('/') ? folder.slice(0, folder.lastIndexOf('/')) : '.')
    this.#anchored.add(folder)
  }

  #shared(folder: string): Promise<void> {
    const running = this.#running.get(folder)
    if (running === undefined) return this.#begin(folder)
    // The one that runs may have begun before the caller's name was made.
    const begin = (): Promise<void> => this.#begin(folder)
    return running.next ??= running.now.then(begin, begin)
  }

  #begin(folder: string): Promise<void> {
    const now = this.#disk.syncFolder(folder)
    const entry: { now: Promise<void>, next: Promise<void> | undefined } = { now, next: undefined }
    this.#running.set(folder, entry)
    const ended = (): void => {
      if (entry.next === undefined) this.#running.delete(folder)
    }
    now.then(ended, ended)
    return now
  }
}
