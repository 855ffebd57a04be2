import type { Clock } from '../../src/seams/clock.ts'
import { DiskError, type Capacity, type Disk, type DiskFile, type OpenMode } from '../../src/seams/disk.ts'
import type { SeededRandom } from './random.ts'

const PAGE_BYTES = 4096
const SECTOR_BYTES = 512
/** How often a write finds that the kernel has just written back some page of the file of its own accord. */
const WRITE_BACK_CHANCE = 0.05

/** Bytes that grow and shrink without being copied each time. What lies behind their end is zeros. */
class Extent {
  #room = Buffer.alloc(0)
  sizeBytes = 0

  get bytes(): Buffer {
    return this.#room.subarray(0, this.sizeBytes)
  }

  resize(sizeBytes: number): void {
    if (sizeBytes > this.#room.length) {
      const grown = Buffer.alloc(Math.max(sizeBytes, this.#room.length * 2))
      this.bytes.copy(grown)
      this.#room = grown
    } else if (sizeBytes < this.sizeBytes) {
      this.#room.fill(0, sizeBytes, this.sizeBytes)
    }
    this.sizeBytes = sizeBytes
  }

  become({ bytes, sizeBytes }: Extent): void {
    this.#room = Buffer.from(bytes)
    this.sizeBytes = sizeBytes
  }
}

/** A file: what programs see, and what a power cut would leave for certain. */
class SimulatedInode {
  readonly #seen = new Extent()
  readonly #durable = new Extent()
  readonly dirtyPages = new Set<number>()

  get sizeBytes(): number {
    return this.#seen.sizeBytes
  }

  resize(sizeBytes: number): void {
    if (sizeBytes < this.sizeBytes) this.#touch(sizeBytes, this.sizeBytes)
    this.#seen.resize(sizeBytes)
  }

  write(data: Uint8Array, offsetBytes: number): void {
    if (offsetBytes + data.length > this.sizeBytes) this.resize(offsetBytes + data.length)
    this.#seen.bytes.set(data, offsetBytes)
    this.#touch(offsetBytes, offsetBytes + data.length)
  }

  #touch(from: number, to: number): void {
    for (let page = Math.floor(from / PAGE_BYTES); page * PAGE_BYTES < to; page++) this.dirtyPages.add(page)
  }

  contents(): Buffer {
    return this.#seen.bytes
  }

  /** Rot: on the disk, and in what programs see of it. */
  flipBit(bit: number): void {
    const at = Math.floor(bit / 8)
    for (const { bytes } of [this.#seen, this.#durable]) {
      if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << bit % 8)
    }
  }

  /** Makes these pages and the size durable. */
  persist(pages: Iterable<number>): void {
    this.#durable.resize(this.sizeBytes)
    for (const page of pages) {
      this.#copyPage(page, this.#durable.bytes)
      this.dirtyPages.delete(page)
    }
  }

  #copyPage(page: number, into: Buffer): void {
    const at = page * PAGE_BYTES
    if (at < into.length) into.set(this.contents().subarray(at, Math.min(at + PAGE_BYTES, into.length)), at)
  }

  /** What a kernel does when it feels like it: one page reaches the disk, and may be changed and lost again later. */
  writeBack(random: SeededRandom): void {
    const pages = [...this.dirtyPages]
    if (pages.length === 0) return
    const page = random.pick(pages)
    const endByte = Math.min((page + 1) * PAGE_BYTES, this.sizeBytes)
    if (endByte > this.#durable.sizeBytes) this.#durable.resize(endByte)
    this.#copyPage(page, this.#durable.bytes)
  }

  /** As Linux after a sync that failed: the pages count as clean and stay readable, and no later sync writes them. */
  forgetDirty(pages: Iterable<number>): void {
    for (const page of pages) this.dirtyPages.delete(page)
  }

  #copySectors(page: number, into: Buffer, random: SeededRandom): void {
    for (let at = page * PAGE_BYTES; at < (page + 1) * PAGE_BYTES; at += SECTOR_BYTES) {
      const end = Math.min(at + SECTOR_BYTES, into.length, this.sizeBytes)
      if (at < end && random.chance(0.5)) into.set(this.contents().subarray(at, end), at)
    }
  }

  /** What is left after the power went: of each unsynced page all, nothing or some sectors; the unsynced size by chance. */
  losePower(random: SeededRandom): void {
    if (random.chance(0.5)) this.#durable.resize(this.sizeBytes)
    const left = this.#durable.bytes
    for (const page of this.dirtyPages) {
      if (random.chance(0.2)) this.#copySectors(page, left, random)
      else if (random.chance(0.5)) this.#copyPage(page, left)
    }
    this.#seen.become(this.#durable)
    this.dirtyPages.clear()
  }
}

interface NameChange {
  folder: string
  undo(): void
}

export interface SimulatedDiskOptions {
  random: SeededRandom
  /** With a clock, reads, writes and syncs take time; without, they end at once. */
  clock?: Clock
  totalBytes?: number
}

/**
 * A disk in memory that forgets. A kill stops the process at a call and keeps all it wrote; a power cut also loses a
 * random part of what was not synced, page by page, and of the names whose folder was not synced.
 */
export class SimulatedDisk implements Disk {
  readonly #random: SeededRandom
  readonly #clock: Clock | undefined
  #files = new Map<string, SimulatedInode>()
  /** Names changed since their folder was synced, oldest first. */
  #nameChanges: NameChange[] = []
  #boot = 1
  #generation = 1
  #callsLeft = Infinity
  totalBytes: number
  /** Calls made so far, to place a crash among. */
  calls = 0
  syncs = 0
  powerCuts = 0
  /** Makes the next calls fail, as a dying disk does. */
  fault: DiskError | undefined
  /** Makes writes fail while reads go on, as a file system does that was made read-only. */
  writeFault: DiskError | undefined
  /** Makes syncs fail, as a disk does that has run out of spare sectors: what they were to write is forgotten. */
  syncFault: DiskError | undefined
  /** How many times longer everything takes. */
  slowness = 1
  /** Whether it ever failed, or gave back something else than it was given, without having lost power. */
  broken = false

  constructor({ random, clock, totalBytes = 2 ** 40 }: SimulatedDiskOptions) {
    this.#random = random
    this.#clock = clock
    this.totalBytes = totalBytes
  }

  // What happens to it

  /** Lets `calls` more calls through; the one after that, and all behind it, throw with code ECRASH. */
  crashAfter(calls: number): void {
    this.#callsLeft = calls
  }

  get crashed(): boolean {
    return this.#callsLeft < 0
  }

  /** The process died: files it had open can no longer be used, everything written is there for the next one. */
  kill(): void {
    this.#generation++
    this.#callsLeft = Infinity
  }

  powerCut(): void {
    this.kill()
    this.#boot++
    this.powerCuts++
    const folders = new Set(this.#nameChanges.map(change => change.folder))
    for (const folder of folders) {
      const changes = this.#nameChanges.filter(change => change.folder === folder)
      const kept = this.#random.below(changes.length + 1)
      for (const change of changes.slice(kept).reverse()) change.undo()
    }
    this.#nameChanges = []
    for (const file of new Set(this.#files.values())) file.losePower(this.#random)
  }

  /** Turns one bit around behind everyone's back. @returns whether the file is long enough to have it */
  flipBit(name: string, bit: number): boolean {
    const file = this.#files.get(name)
    if (file === undefined || bit / 8 >= file.sizeBytes) return false
    this.broken = true
    file.flipBit(bit)
    return true
  }

  /** All files and what programs would read in them. */
  contents(): Map<string, Buffer> {
    return new Map([...this.#files].map(([name, file]) => [name, Buffer.from(file.contents())]))
  }

  // Disk

  open(name: string, mode: OpenMode): DiskFile {
    this.call()
    let file = this.#files.get(name)
    if (file === undefined) {
      if (mode === 'existing') throw new DiskError('ENOENT', `${name}: no such file`)
      const created = new SimulatedInode()
      file = created
      this.#setName(name, created)
    } else if (mode === 'empty') {
      file.resize(0)
    }
    return new SimulatedFile(this, file, name, this.#generation)
  }

  sizeOf(name: string): number | undefined {
    this.call()
    return this.#files.get(name)?.sizeBytes
  }

  list(folder: string): string[] {
    this.call()
    const prefix = folder === '' || folder === '.' ? '' : `${folder}/`
    const names = new Set<string>()
    for (const name of this.#files.keys()) {
      if (name.startsWith(prefix)) names.add(name.slice(prefix.length).split('/')[0] ?? '')
    }
    return [...names]
  }

  rename(from: string, to: string): void {
    this.call()
    const file = this.#files.get(from)
    if (file === undefined) throw new DiskError('ENOENT', `${from}: no such file`)
    const replaced = this.#files.get(to)
    this.#files.delete(from)
    this.#files.set(to, file)
    this.#nameChanges.push({
      folder: folderOf(to),
      undo: () => {
        this.#restore(to, replaced)
        this.#files.set(from, file)
      },
    })
  }

  remove(name: string): void {
    this.call()
    if (this.#files.has(name)) this.#setName(name, undefined)
  }

  async removeLarge(name: string): Promise<void> {
    this.remove(name)
    await this.takeTime()
  }

  async syncFolder(folder: string): Promise<void> {
    this.call()
    const asked = this.#nameChanges.filter(change => change.folder === (folder === '.' ? '' : folder))
    await this.takeTime()
    this.maySync()
    this.#nameChanges = this.#nameChanges.filter(change => !asked.includes(change))
  }

  capacity(): Capacity {
    return { totalBytes: this.totalBytes, freeBytes: Math.max(0, this.totalBytes - this.usedBytes()) }
  }

  bootId(): string {
    return `boot-${String(this.#boot)}`
  }

  // For its files

  usedBytes(): number {
    let used = 0
    for (const file of this.#files.values()) used += file.sizeBytes
    return used
  }

  /** Counts a call; throws when the process has crashed, or the disk does not work. */
  call(generation = this.#generation): void {
    this.calls++
    this.#callsLeft--
    if (this.#callsLeft < 0 || generation !== this.#generation) throw new DiskError('ECRASH', 'the process has crashed')
    this.#throwIf(this.fault)
  }

  /** Throws while the disk takes no writes. */
  mayWrite(): void {
    this.#throwIf(this.writeFault)
  }

  /** Throws while the disk syncs nothing. */
  maySync(): void {
    this.#throwIf(this.syncFault)
  }

  /** Sometimes writes back a page before a file changes. */
  writeBackSome(file: SimulatedInode): void {
    if (this.#random.chance(WRITE_BACK_CHANCE)) file.writeBack(this.#random)
  }

  /** Whether a process that began under this generation still lives. */
  alive(generation: number): boolean {
    return this.#callsLeft >= 0 && generation === this.#generation
  }

  async takeTime(): Promise<void> {
    const clock = this.#clock
    if (clock === undefined) return
    const delayMs = (0.05 + this.#random.fraction() * (this.#random.chance(0.01) ? 50 : 2)) * this.slowness
    await new Promise<void>(resolve => { clock.after(delayMs, resolve) })
  }

  #throwIf(fault: DiskError | undefined): void {
    if (fault === undefined) return
    this.broken = true
    throw fault
  }

  #setName(name: string, file: SimulatedInode | undefined): void {
    const before = this.#files.get(name)
    this.#restore(name, file)
    this.#nameChanges.push({ folder: folderOf(name), undo: () => { this.#restore(name, before) } })
  }

  #restore(name: string, file: SimulatedInode | undefined): void {
    if (file === undefined) this.#files.delete(name)
    else this.#files.set(name, file)
  }
}

class SimulatedFile implements DiskFile {
  readonly #disk: SimulatedDisk
  readonly #file: SimulatedInode
  readonly #name: string
  readonly #generation: number

  constructor(disk: SimulatedDisk, file: SimulatedInode, name: string, generation: number) {
    this.#disk = disk
    this.#file = file
    this.#name = name
    this.#generation = generation
  }

  #call(): void {
    this.#disk.call(this.#generation)
  }

  sizeBytes(): number {
    this.#call()
    return this.#file.sizeBytes
  }

  readNow(into: Uint8Array, offsetBytes: number): number {
    this.#call()
    const data = this.#file.contents().subarray(offsetBytes, offsetBytes + into.length)
    into.set(data)
    return data.length
  }

  writeNow(data: Uint8Array, offsetBytes: number): void {
    this.#call()
    this.#disk.mayWrite()
    const grows = offsetBytes + data.length - this.#file.sizeBytes
    if (grows > 0 && this.#disk.usedBytes() + grows > this.#disk.totalBytes) {
      throw new DiskError('ENOSPC', `${this.#name}: no space left on the simulated disk`)
    }
    this.#disk.writeBackSome(this.#file)
    this.#file.write(data, offsetBytes)
  }

  async read(into: Uint8Array, offsetBytes: number): Promise<number> {
    this.#call()
    await this.#disk.takeTime()
    return this.readNow(into, offsetBytes)
  }

  /** Happens in two halves, so that a crash can fall between them. */
  async write(buffers: readonly Uint8Array[], offsetBytes: number): Promise<void> {
    const data = Buffer.concat(buffers)
    const half = Math.ceil(data.length / 2 / PAGE_BYTES) * PAGE_BYTES
    this.writeNow(data.subarray(0, half), offsetBytes)
    await this.#disk.takeTime()
    this.writeNow(data.subarray(half), offsetBytes + Math.min(half, data.length))
  }

  truncateNow(sizeBytes: number): void {
    this.#call()
    this.#file.resize(sizeBytes)
  }

  async sync(): Promise<void> {
    this.#call()
    this.#disk.syncs++
    const pages = [...this.#file.dirtyPages]
    await this.#disk.takeTime()
    this.#call()
    if (this.#disk.syncFault === undefined) this.#file.persist(pages)
    else this.#file.forgetDirty(pages)
    this.#disk.maySync()
  }

  close(): void {
    if (this.#disk.alive(this.#generation)) this.#call()
  }
}

function folderOf(name: string): string {
  return name.includes('/') ? name.slice(0, name.lastIndexOf('/')) : ''
}
