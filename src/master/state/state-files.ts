import fs from 'node:fs'
import path from 'node:path'
import { z } from 'zod'
import { DfsError } from '../../protocol/errors.ts'
import type { Disk } from '../../seams/disk.ts'
import type { Log } from '../../seams/log.ts'
import { readNote, writeNote } from './note.ts'
import { Store } from './store.ts'

/** The boot under which the state is being written, and whether its last user left it whole and synced. */
const STAMP = 'state-stamp'
const stamp = z.object({ format: z.literal(1), boot: z.string(), clean: z.boolean() })

/** Which checkpoint counts: others are leftovers. */
const CHECKPOINT = 'checkpoint'
const checkpoint = z.object({ format: z.literal(1), index: z.int() })

const STATE = 'state.mdb'
const checkpointFile = (index: number): string => `checkpoint-${String(index).padStart(16, '0')}.mdb`

/** 'background' leaves copying a checkpoint to another thread; 'at once' is for those who need the order of events. */
export type Copying = 'background' | 'at once'

/**
 * The state's files and what can be trusted of them. LMDB is never synced while it works: after the death of the process
 * the page cache has it all, and it is used as it is; after a power cut (another boot id) it may be torn, and is replaced
 * by the last checkpoint, behind which the journal has everything.
 */
export class StateFiles {
  readonly store: Store
  readonly #disk: Disk
  readonly #folder: string
  readonly #copying: Copying
  #checkpointIndex: number

  private constructor(
    { disk, folder, copying, checkpointIndex }: { disk: Disk, folder: string, copying: Copying, checkpointIndex: number },
  ) {
    this.#disk = disk
    this.#folder = folder
    this.#copying = copying
    this.#checkpointIndex = checkpointIndex
    this.store = new Store(path.join(folder, STATE))
  }

  static async open(
    { disk, folder, copying, log }: { disk: Disk, folder: string, copying: Copying, log: Log },
  ): Promise<StateFiles> {
    fs.mkdirSync(folder, { recursive: true })
    const file = path.join(folder, STATE)
    const last = readNote(disk, CHECKPOINT, checkpoint)
    // 1. What a crashed checkpoint left behind.
    for (const name of fs.readdirSync(folder)) {
      const isLeftover = /^checkpoint-\d+\.mdb/.test(name) && (last === undefined || !name.startsWith(checkpointFile(last.index)))
      if (isLeftover) fs.rmSync(path.join(folder, name))
    }
    // 2. The state itself, or what the last checkpoint kept of it.
    if (!fs.existsSync(file) || !isTrusted(disk)) {
      fs.rmSync(file, { force: true })
      fs.rmSync(`${file}-lock`, { force: true })
      if (last !== undefined) {
        const from = path.join(folder, checkpointFile(last.index))
        if (!fs.existsSync(from)) throw new DfsError('journal-failed', `${from}: this checkpoint is missing`)
        // Half a copy must never be taken for the state.
        fs.copyFileSync(from, `${file}.new`)
        fs.renameSync(`${file}.new`, file)
      }
      log.info({ checkpoint: last?.index ?? 0 }, 'the state is rebuilt from its last checkpoint and the journal')
    }
    // 3. From here on only this boot's page cache has the whole of it.
    await writeNote(disk, STAMP, { format: 1, boot: disk.bootId(), clean: false })
    return new StateFiles({ disk, folder, copying, checkpointIndex: last?.index ?? 0 })
  }

  get checkpointIndex(): number {
    return this.#checkpointIndex
  }

  /** Copies the state, which has applied at least `index`. When this resolves, the journal up to there can go. */
  async checkpoint(index: number): Promise<void> {
    if (index === this.#checkpointIndex) return
    const file = path.join(this.#folder, checkpointFile(index))
    await this.#remove(file)
    if (this.#copying === 'background') await this.store.copyTo(file)
    else this.store.copyNow(file)
    await writeNote(this.#disk, CHECKPOINT, { format: 1, index })
    const before = this.#checkpointIndex
    this.#checkpointIndex = index
    await this.#remove(path.join(this.#folder, checkpointFile(before)))
  }

  /** Of a large file even that takes a while. */
  async #remove(file: string): Promise<void> {
    if (this.#copying === 'background') await fs.promises.rm(file, { force: true })
    else fs.rmSync(file, { force: true })
  }

  /** Leaves the state so that it can be used as it is, even after a power cut. */
  async closeCleanly(): Promise<void> {
    this.store.makeDurable()
    await writeNote(this.#disk, STAMP, { format: 1, boot: this.#disk.bootId(), clean: true })
    await this.store.close()
  }
}

function isTrusted(disk: Disk): boolean {
  try {
    const found = readNote(disk, STAMP, stamp)
    return found !== undefined && (found.clean || found.boot === disk.bootId())
  } catch (error) {
    // A stamp that cannot be read says nothing for the state; the checkpoint and the journal do not need it.
    if (error instanceof DfsError) return false
    throw error
  }
}
