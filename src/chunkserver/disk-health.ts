import { isError } from '../protocol/errors.ts'
import type { Disk } from '../seams/disk.ts'
import type { Log } from '../seams/log.ts'

const PROBE = 'probe'

/** Whether the disk takes writes, for the master to place replicas elsewhere while it does not. */
export class DiskHealth {
  readonly #disk: Disk
  readonly #log: Log
  #fault = ''
  #failures = 0

  constructor({ disk, log }: { disk: Disk, log: Log }) {
    this.#disk = disk
    this.#log = log
  }

  /** What is wrong, empty while nothing is. */
  get fault(): string {
    return this.#fault
  }

  /** Calls that failed because of it, since this process began. */
  get failures(): number {
    return this.#failures
  }

  /** Runs work on the disk and notes when the disk is why it fails. */
  async watch<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work()
    } catch (error) {
      if (isError(error, 'disk-full', 'disk-failed')) this.#note(error.message)
      throw error
    }
  }

  #note(fault: string): void {
    if (this.#fault === '') this.#log.error({ fault }, `the disk takes no writes: ${fault}`)
    this.#failures++
    this.#fault = fault.slice(0, 1_000)
  }

  /** Tries a disk that failed again. */
  async probe(): Promise<void> {
    if (this.#fault === '') return
    try {
      const file = this.#disk.open(PROBE, 'create')
      try {
        await file.write([Buffer.alloc(64 * 1024, 1)], 0)
        await file.sync()
      } finally {
        file.close()
        this.#disk.remove(PROBE)
      }
      this.#fault = ''
      this.#log.info({}, 'the disk takes writes again')
    } catch (error) {
      this.#log.debug({ error }, 'the disk still takes no writes')
    }
  }
}
