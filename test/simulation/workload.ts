import assert from 'node:assert/strict'
import { superuser } from '../../src/protocol/attributes.ts'
import type { InodeId } from '../../src/protocol/identifiers.ts'
import type { Name } from '../../src/protocol/names.ts'
import type { FileSystem, OpenFile } from '../../src/client/file-system.ts'
import type { Trash } from '../../src/client/index.ts'
import { isError } from '../../src/protocol/errors.ts'
import { pause, type Clock } from '../../src/seams/clock.ts'
import type { Journey } from './journey.ts'
import { ModelFile } from './model.ts'
import type { SeededRandom } from './random.ts'

/** Sizes that meet every edge: within a block, over blocks, over chunks, inline and pushed. */
const WRITE_BYTES_MAX = 300_000
const FILE_BYTES_MAX = 900_000
const FILES_MAX = 5
/** Files without a name that are kept open, for their client to die with. */
const NAMELESS_MAX = 2

/** Where unsynced bytes may be lost, a file is synced after so many changes, so that what may be read stays bounded. */
const UNSYNCED_CHANGES_MAX = 6

/** Between two operations, in ms: long enough that faults fall between and into them. */
const THINK_MS_MAX = 250

interface Held {
  name: Name
  model: ModelFile
  /** Open for writing while its writer works on it. */
  handle: OpenFile | undefined
}

/** A file that lost its name while it was open, and stays open. */
interface Nameless {
  formerName: Name
  model: ModelFile
  handle: OpenFile
}

/** A file that was removed, and until when it is in the trash for certain; undefined where it may never have gone there. */
interface Removed {
  name: Name
  model: ModelFile
  sureUntilMs: number | undefined
}

/** What every client of a run knows of files that were closed: any of them may check any. */
export type ClosedFiles = Map<string, { directory: InodeId, name: Name, model: ModelFile, revision: number }>

/**
 * One client's random life in a directory of its own. Whatever it is told is checked against the model at once; with the
 * master and one good replica alive no call may fail, so every error ends the run.
 */
export class Workload {
  readonly #fileSystem: FileSystem
  readonly #clock: Clock
  readonly #random: SeededRandom
  readonly #directory: InodeId
  readonly #label: string
  readonly #closed: ClosedFiles
  readonly #files: Held[] = []
  /** Longest open first. */
  readonly #nameless: Nameless[] = []
  readonly #trash: { trash: Trash, keepMs: number } | undefined
  readonly #removed: Removed[] = []
  #nextName = 1
  readonly #journey: Journey
  readonly #losses: (() => number) | undefined
  operations = 0
  /** Files that came back from the trash. */
  restored = 0

  /**
   * @param parts.losses where what was not synced may be lost: counts the occasions
   * @param parts.trash where removed files are kept for so long
   */
  constructor(parts: {
    fileSystem: FileSystem, clock: Clock, random: SeededRandom, directory: InodeId, label: string, closed: ClosedFiles
    journey: Journey, losses: (() => number) | undefined, trash?: { trash: Trash, keepMs: number } | undefined
  }) {
    this.#fileSystem = parts.fileSystem
    this.#clock = parts.clock
    this.#random = parts.random
    this.#directory = parts.directory
    this.#label = parts.label
    this.#closed = parts.closed
    this.#journey = parts.journey
    this.#losses = parts.losses
    this.#trash = parts.trash
  }

  async run(operations: number): Promise<void> {
    for (let done = 0; done < operations; done++) {
      await pause(this.#clock, this.#random.below(THINK_MS_MAX))
      await this.#step()
      this.operations++
    }
  }

  async #step(): Promise<void> {
    const random = this.#random
    const file = this.#files.length === 0 ? undefined : random.pick(this.#files)
    if (file === undefined || (this.#files.length < FILES_MAX && random.chance(0.15))) return this.#create()
    if (file.model.unsyncedChanges >= UNSYNCED_CHANGES_MAX) return this.#sync(file)
    if (this.#removed.length > 0 && this.#files.length < FILES_MAX && random.chance(0.2)) return this.#restore()
    const dice = random.below(100)
    if (dice < 35) return this.#write(file)
    if (dice < 55) return this.#read(file)
    // One may be there twice when all who remember it die at once, see docs/consistency.md.
    if (dice < 62) return this.#losses === undefined ? this.#append(file) : this.#write(file)
    if (dice < 68) return this.#truncate(file)
    if (dice < 72) return this.#punch(file)
    if (dice < 80) return this.#sync(file)
    if (dice < 88) return this.#close(file)
    if (dice < 92) return this.#rename(file)
    if (dice < 95) return this.#unlink(file)
    return this.#checkSomebodys()
  }

  async #create(): Promise<void> {
    const name = `${this.#label}-${String(this.#nextName++)}` as Name
    this.#journey.doing = `creating ${name}`
    const handle = await this.#fileSystem.create(this.#directory, name, 0o644,
      { read: true, write: true, exclusive: true }, superuser)
    this.#files.push({ name, model: new ModelFile({ losses: this.#losses }), handle })
  }

  async #handle(file: Held): Promise<OpenFile> {
    if (file.handle !== undefined) return file.handle
    this.#journey.doing = `opening ${file.name}`
    this.#closed.delete(file.name)
    const { inode } = await this.#fileSystem.lookup(this.#directory, file.name, superuser)
    file.handle = await this.#fileSystem.open(inode, { read: true, write: true }, superuser)
    assert.equal(file.handle.attributes.sizeBytes, file.model.sizeBytes, `${file.name}: its size when opened again`)
    return file.handle
  }

  async #write(file: Held): Promise<void> {
    const handle = await this.#handle(file)
    const lengthBytes = 1 + this.#random.below(this.#random.chance(0.5) ? 5_000 : WRITE_BYTES_MAX)
    const offsetBytes = this.#random.below(Math.min(FILE_BYTES_MAX, file.model.sizeBytes + 100_000) + 1)
    this.#journey.doing = `writing ${String(lengthBytes)} bytes at ${String(offsetBytes)} of ${file.name}`
    const data = this.#pattern(lengthBytes)
    await handle.write(offsetBytes, data)
    file.model.write(offsetBytes, data)
  }

  async #append(file: Held): Promise<void> {
    await this.#close(file)
    const data = this.#pattern(1 + this.#random.below(20_000))
    this.#journey.doing = `appending ${String(data.length)} bytes to ${file.name}`
    this.#closed.delete(file.name)
    const { inode } = await this.#fileSystem.lookup(this.#directory, file.name, superuser)
    const handle = await this.#fileSystem.open(inode, { read: true, write: true, append: true }, superuser)
    for (let at = 0; at < data.length; at += 7_000) await handle.write(0, data.subarray(at, at + 7_000))
    file.model.append(data)
    await handle.close()
    this.#closedNow(file)
  }

  async #read(file: Held): Promise<void> {
    const handle = await this.#handle(file)
    const offsetBytes = this.#random.below(file.model.sizeBytes + 10)
    const lengthBytes = 1 + this.#random.below(WRITE_BYTES_MAX)
    this.#journey.doing = `reading ${String(lengthBytes)} bytes at ${String(offsetBytes)} of ${file.name}`
    const found = await whatIsLeft(file.model, handle.read(offsetBytes, lengthBytes).then(parts => Buffer.concat(parts)))
    if (found === undefined) return this.#giveUp(file)
    this.#check(found, file.model, offsetBytes, lengthBytes)
  }

  async #truncate(file: Held): Promise<void> {
    const handle = await this.#handle(file)
    const sizeBytes = this.#random.below(file.model.sizeBytes + 50_000)
    this.#journey.doing = `truncating ${file.name} from ${String(file.model.sizeBytes)} to ${String(sizeBytes)} bytes`
    await handle.truncate(sizeBytes)
    file.model.truncate(sizeBytes)
  }

  async #punch(file: Held): Promise<void> {
    const handle = await this.#handle(file)
    if (file.model.sizeBytes === 0) return
    const offsetBytes = this.#random.below(file.model.sizeBytes)
    const lengthBytes = 1 + this.#random.below(file.model.sizeBytes - offsetBytes)
    this.#journey.doing = `punching ${String(lengthBytes)} bytes at ${String(offsetBytes)} of ${file.name}`
    await handle.allocate('punch', offsetBytes, lengthBytes)
    file.model.zero(offsetBytes, lengthBytes)
  }

  async #sync(file: Held): Promise<void> {
    const handle = await this.#handle(file)
    this.#journey.doing = `syncing ${file.name}`
    try {
      await handle.sync()
      file.model.synced()
      return
    } catch (error) {
      // Also where the power went while it waited.
      if (!file.model.mayHaveLost || !isError(error, 'bytes-lost')) throw error
    }
    // It says that something may be missing; but what is there now stays. A new open sees it past all caches.
    await this.#close(file)
    this.#journey.doing = `reading what was left of ${file.name}`
    const found = await this.#contentsOf(file)
    if (found === undefined) return this.#giveUp(file)
    this.#check(found, file.model)
    file.model.synced(found)
  }

  /** What is left of a file; see {@link whatIsLeft}. */
  #contentsOf({ name, model }: Pick<Held, 'name' | 'model'>): Promise<Buffer<ArrayBuffer> | undefined> {
    return whatIsLeft(model, readFile(this.#fileSystem, this.#directory, name))
  }

  /** Removes a file of which a chunk is lost, as it may be. */
  async #giveUp(file: Held): Promise<void> {
    await this.#close(file)
    this.#journey.doing = `giving up ${file.name}`
    this.#closed.delete(file.name)
    await this.#fileSystem.unlink(this.#directory, file.name, superuser)
    this.#files.splice(this.#files.indexOf(file), 1)
  }

  async #close(file: Held): Promise<void> {
    if (file.handle === undefined) return
    this.#journey.doing = `closing ${file.name}`
    const { handle } = file
    file.handle = undefined
    await handle.close()
    this.#closedNow(file)
  }

  #closedNow(file: Held): void {
    const { name, model } = file
    this.#closed.set(name, { directory: this.#directory, name, model, revision: model.revision })
  }

  async #rename(file: Held): Promise<void> {
    await this.#close(file)
    const to = `${this.#label}-${String(this.#nextName++)}` as Name
    this.#journey.doing = `renaming ${file.name} to ${to}`
    this.#closed.delete(file.name)
    await this.#fileSystem.rename({ parent: this.#directory, name: file.name }, { parent: this.#directory, name: to },
      this.#random.chance(0.5) ? 'replace' : 'no-replace', superuser)
    file.name = to
    this.#closedNow(file)
  }

  /** Unlinks, half of the time while it is open: what was open must stay readable, for as long as it is. */
  async #unlink(file: Held): Promise<void> {
    const keepOpen = this.#random.chance(0.5)
    if (keepOpen) await this.#handle(file)
    else await this.#close(file)
    this.#journey.doing = `unlinking ${file.name}`
    this.#closed.delete(file.name)
    const beganMs = Math.floor(this.#clock.nowMs())
    await this.#fileSystem.unlink(this.#directory, file.name, superuser)
    this.#files.splice(this.#files.indexOf(file), 1)
    if (this.#trash !== undefined) {
      // What is open may not have reached the servers yet, and what is all zeros may have no chunks.
      const isKept = file.handle === undefined && file.model.hasBytes
      this.#removed.push({
        name: file.name, model: file.model, sureUntilMs: isKept ? beganMs + this.#trash.keepMs : undefined,
      })
    }
    const { name, model, handle } = file
    if (handle === undefined) return
    this.#nameless.push({ formerName: name, model, handle })
    if (this.#nameless.length > NAMELESS_MAX) await this.#closeNameless()
  }

  async #closeNameless(): Promise<void> {
    const nameless = this.#nameless.shift()
    if (nameless === undefined) return
    const { formerName, model, handle } = nameless
    this.#journey.doing = `reading ${formerName}, which was unlinked while open`
    const found = await whatIsLeft(model, handle.read(0, FILE_BYTES_MAX * 2).then(parts => Buffer.concat(parts)))
    if (found !== undefined) this.#check(found, model)
    await handle.close()
  }

  /** Brings a removed file back, if its time is not over: then it is as it was. */
  async #restore(): Promise<void> {
    const removed = this.#random.pick(this.#removed)
    const { name, model, sureUntilMs } = removed
    this.#removed.splice(this.#removed.indexOf(removed), 1)
    this.#journey.doing = `restoring ${name}`
    if (!await this.#isRestored(name)) {
      assert(sureUntilMs === undefined || this.#clock.nowMs() >= sureUntilMs, `${name} is not in the trash, though it should be`)
      return
    }
    this.restored++
    // Where it was unlinked while open, that handle goes on being good.
    const at = this.#nameless.findIndex(nameless => nameless.model === model)
    const [open] = at < 0 ? [] : this.#nameless.splice(at, 1)
    const file: Held = { name, model, handle: open?.handle }
    this.#files.push(file)
    const found = await this.#contentsOf(file)
    if (found === undefined) return this.#giveUp(file)
    this.#check(found, model)
    if (open === undefined) this.#closedNow(file)
  }

  async #isRestored(name: Name): Promise<boolean> {
    const path = `/${this.#label}/${name}`
    const trash = this.#trash?.trash
    const found = await trash?.latest(path)
    if (trash === undefined || found === undefined) return false
    try {
      await trash.restore(found.inode, path)
      return true
    } catch (error) {
      // Its time was over between the two.
      if (isError(error, 'no-such-entry')) return false
      throw error
    }
  }

  /** What anybody closed, everybody reads at once. */
  async #checkSomebodys(): Promise<void> {
    const all = [...this.#closed.values()]
    if (all.length === 0) return
    const picked = this.#random.pick(all)
    const { directory, name, model } = picked
    // Its owner may be at it again.
    const isAsItWas = (): boolean => this.#closed.get(name) === picked && model.revision === picked.revision
    this.#journey.doing = `reading ${name}, which somebody closed`
    const found = await whatIsLeft(model, readFile(this.#fileSystem, directory, name)).catch((error: unknown) => {
      if (!isAsItWas()) return undefined
      throw error
    })
    if (found !== undefined && isAsItWas()) this.#check(found, model)
  }

  /** Closes everything and checks every file of this client, and that there are no others. */
  async checkAll(): Promise<void> {
    while (this.#nameless.length > 0) await this.#closeNameless()
    for (const file of this.#files) await this.#close(file)
    for (const file of [...this.#files]) {
      this.#journey.doing = `checking ${file.name} in the end`
      const found = await this.#contentsOf(file)
      if (found === undefined) await this.#giveUp(file)
      else this.#check(found, file.model)
    }
    const page = await this.#fileSystem.readDirectory(this.#directory, undefined, 1_000, superuser)
    assert.deepEqual(page.entries.map(({ name }) => name).sort(), this.#files.map(({ name }) => name).sort(),
      `${this.#label}: the names in its directory`)
  }

  #check(found: Buffer, model: ModelFile, offsetBytes = 0, lengthBytes = Infinity): void {
    const complaint = model.complaint(found, offsetBytes, lengthBytes)
    if (complaint !== undefined) assert.fail(`${this.#journey.doing}: ${complaint}`)
  }

  /** Bytes that tell where they come from, and cheaper than as many random ones. */
  #pattern(lengthBytes: number): Buffer {
    const bytes = Buffer.alloc(lengthBytes, this.#random.bytes(61))
    bytes.writeUInt8(this.#random.below(256), this.#random.below(lengthBytes))
    return bytes
  }
}

/**
 * What is read of a file, if anything. Where all servers of a whole new chunk lost power before its first sync nothing is left
 * of it, and reading fails until it is written anew.
 */
export async function whatIsLeft(
  model: ModelFile, reading: Promise<Buffer<ArrayBuffer>>,
): Promise<Buffer<ArrayBuffer> | undefined> {
  try {
    return await reading
  } catch (error) {
    if (model.mayHaveLost && isError(error, 'no-replica', 'no-such-replica')) return undefined
    throw error
  }
}

/** A whole file, through an open of its own. */
export async function readFile(fileSystem: FileSystem, directory: InodeId, name: Name): Promise<Buffer<ArrayBuffer>> {
  const { inode } = await fileSystem.lookup(directory, name, superuser)
  const handle = await fileSystem.open(inode, { read: true, write: false }, superuser)
  const parts: Uint8Array[] = []
  let at = 0
  try {
    for (let got = 1; got > 0;) {
      const more = await handle.read(at, 1_000_000)
      got = more.reduce((sum, part) => sum + part.length, 0)
      at += got
      parts.push(...more)
    }
  } finally {
    await handle.close()
  }
  return Buffer.concat(parts)
}
