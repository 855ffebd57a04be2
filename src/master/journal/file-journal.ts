import { DfsError } from '../../protocol/errors.ts'
import type { Disk, DiskFile } from '../../seams/disk.ts'
import type { Journal, Visit } from './journal.ts'
import {
  decodeRecord, encodeRecord, encodeSegmentHeader, findRecord, isSegmentHeader, SEGMENT_HEADER_BYTES,
} from './record.ts'

const FOLDER = 'journal'
const PREFIX = 'journal-'

/** Zeros are written ahead in steps of this size, as soon as less than half of one is left. */
const AHEAD_BYTES = 256 * 1024
const ZEROS = Buffer.alloc(AHEAD_BYTES)

/**
 * A journal in files of a folder: segments named after the index of their first entry. Records go where zeros were written
 * and synced before: a sync that changes neither the size of the file nor its place on the disk is one write of the disk,
 * and not one of the file system's own journal as well.
 */
export class FileJournal implements Journal {
  readonly #disk: Disk
  #file: DiskFile
  #name: string
  #endBytes: number
  #nextIndex: number
  #failed = false
  /** Up to here the file has been written. */
  #zeroedBytes: number
  #zeroing: Promise<void> | undefined

  private constructor(disk: Disk, { file, name, endBytes, nextIndex }: OpenSegment) {
    this.#disk = disk
    this.#file = file
    this.#name = name
    this.#endBytes = endBytes
    this.#nextIndex = nextIndex
    this.#zeroedBytes = endBytes
  }

  /**
   * Opens the journal and shows the entries from index `from` on; some before it may be shown too. A record that a
   * crash has torn at the very end never was answered, and is cut off.
   * @throws DfsError 'journal-failed' naming file and offset, when entries are missing or damaged elsewhere
   */
  static async open(disk: Disk, { from, visit }: { from: number, visit: Visit }): Promise<FileJournal> {
    const segments = segmentsOf(disk)
    const needed = segments.filter((_segment, position) => (segments[position + 1]?.first ?? Infinity) > from)
    const last = needed.at(-1)
    if (last === undefined) {
      if (from > 1) throw failed(`${FOLDER}: there is no journal, but the state has entries up to ${String(from - 1)}`)
      return new FileJournal(disk, await createSegment(disk, from))
    }
    let expected = Math.min(...needed.map(({ first }) => first))
    if (expected > from) throw failed(`${FOLDER}: entries ${String(from)} to ${String(expected - 1)} are missing`)
    for (const { name, first } of needed) {
      if (first !== expected) throw failed(`${name}: should begin with entry ${String(expected)}`)
      const file = disk.open(name, 'existing')
      const segment = Buffer.allocUnsafe(file.sizeBytes())
      await file.read(segment, 0)
      const isLast = name === last.name
      const { nextIndex, endBytes, lastBytes } = readSegment({ name, first, segment, isLast, from }, visit)
      expected = nextIndex
      if (!isLast) {
        file.close()
        continue
      }
      if (nextIndex < from) {
        throw failed(`${name}: ends with entry ${String(nextIndex - 1)}, but the state has entry ${String(from - 1)}`)
      }
      // What was read may be in the page cache only: it must be durable before anyone acts on it. The last record is
      // written again, since one whose sync failed stays in the cache as if it were on the disk, and no sync writes it.
      if (endBytes === SEGMENT_HEADER_BYTES) file.writeNow(encodeSegmentHeader(first), 0)
      file.truncateNow(endBytes)
      await file.write([segment.subarray(lastBytes, endBytes)], lastBytes)
      await file.sync()
      await disk.syncFolder(FOLDER)
      return new FileJournal(disk, { file, name, endBytes, nextIndex })
    }
    throw new Error('the last segment returns')
  }

  get nextIndex(): number {
    return this.#nextIndex
  }

  get bytesSinceRoll(): number {
    return this.#endBytes - SEGMENT_HEADER_BYTES
  }

  async append(entries: readonly unknown[]): Promise<void> {
    await this.#durably(async () => {
      const record = encodeRecord(this.#nextIndex, entries)
      const endBytes = this.#endBytes + record.length
      if (endBytes > this.#zeroedBytes) await this.#zeroing
      await this.#file.write([record], this.#endBytes)
      await this.#file.sync()
      this.#endBytes = endBytes
      this.#zeroedBytes = Math.max(this.#zeroedBytes, endBytes)
      this.#nextIndex += entries.length
    })
    if (this.#zeroedBytes - this.#endBytes < AHEAD_BYTES / 2) this.#zeroing ??= this.#writeAhead()
  }

  async roll(): Promise<void> {
    if (this.bytesSinceRoll === 0) return
    await this.#durably(async () => {
      const next = await createSegment(this.#disk, this.#nextIndex)
      await this.#zeroing
      this.#file.close()
      this.#file = next.file
      this.#name = next.name
      this.#endBytes = next.endBytes
      this.#zeroedBytes = next.endBytes
    })
  }

  async forgetBefore(index: number): Promise<void> {
    const segments = segmentsOf(this.#disk)
    const done = segments.filter((_segment, position) => (segments[position + 1]?.first ?? Infinity) <= index)
    if (done.length === 0) return
    // The oldest first, and synced, so that no power cut leaves a gap.
    for (const { name } of done) await this.#disk.removeLarge(name)
    await this.#disk.syncFolder(FOLDER)
  }

  async close(): Promise<void> {
    await this.#zeroing
    this.#file.close()
  }

  /** Zeros behind what was written, while appends go on in front of them. Without them syncs are slower, not wrong. */
  async #writeAhead(): Promise<void> {
    const fromBytes = this.#zeroedBytes
    try {
      // Opened once more: an error of the disk is told once to each who has opened the file, and appends must hear of theirs.
      const file = this.#disk.open(this.#name, 'existing')
      try {
        await file.write([ZEROS], fromBytes)
        await file.sync()
      } finally {
        file.close()
      }
      this.#zeroedBytes = fromBytes + ZEROS.length
    } catch {
      // The disk may be full, or worse: the next append will tell.
    } finally {
      this.#zeroing = undefined
    }
  }

  async #durably(write: () => Promise<void>): Promise<void> {
    if (this.#failed) throw failed(`${this.#name}: failed before`)
    try {
      await write()
    } catch (error) {
      // After a failed sync nobody knows what the disk has, and asking again may get a false yes.
      this.#failed = true
      throw failed(`${this.#name} at ${String(this.#endBytes)}: ${error instanceof Error ? error.message : String(error)}`, error)
    }
  }
}

interface OpenSegment { file: DiskFile, name: string, endBytes: number, nextIndex: number }

function segmentsOf(disk: Disk): { name: string, first: number }[] {
  return disk.list(FOLDER)
    .filter(name => name.startsWith(PREFIX))
    .map(name => ({ name: `${FOLDER}/${name}`, first: Number(name.slice(PREFIX.length)) }))
    .filter(({ first }) => Number.isSafeInteger(first))
    .sort((one, other) => one.first - other.first)
}

async function createSegment(disk: Disk, firstIndex: number): Promise<OpenSegment> {
  const name = `${FOLDER}/${PREFIX}${String(firstIndex).padStart(16, '0')}`
  const file = disk.open(name, 'create')
  file.truncateNow(0)
  file.writeNow(encodeSegmentHeader(firstIndex), 0)
  await file.sync()
  await disk.syncFolder(FOLDER)
  await disk.syncFolder('')
  return { file, name, endBytes: SEGMENT_HEADER_BYTES, nextIndex: firstIndex }
}

function readSegment(
  { name, first, segment, isLast, from }: { name: string, first: number, segment: Buffer, isLast: boolean, from: number },
  visit: Visit,
): { nextIndex: number, endBytes: number, lastBytes: number } {
  let nextIndex = first
  let lastBytes = SEGMENT_HEADER_BYTES
  let at = SEGMENT_HEADER_BYTES
  const hasHeader = isSegmentHeader(segment, first)
  for (; hasHeader && at < segment.length;) {
    const record = decodeRecord(segment, at)
    if (record === undefined) break
    if (record.firstIndex !== nextIndex) {
      throw failed(`${name} at ${String(at)}: entry ${String(record.firstIndex)} where ${String(nextIndex)} belongs`)
    }
    nextIndex += record.count
    // A start finds nearly all of them applied.
    if (nextIndex > from) visit(record.firstIndex, record.entries())
    lastBytes = at
    at = record.end
  }
  // Behind the last record there may be what was written ahead.
  const usedBytes = withoutZeros(segment)
  if (hasHeader && at >= usedBytes) return { nextIndex, endBytes: at, lastBytes }
  if (!isLast) throw failed(`${name} at ${String(hasHeader ? at : 0)}: damaged, and a later segment follows`)
  const behind = findRecord(segment, { behind: hasHeader ? at : 0, before: usedBytes })
  if (behind !== undefined) {
    throw failed(`${name} at ${String(hasHeader ? at : 0)}: damaged, and a good record follows at ${String(behind)}`)
  }
  return { nextIndex, endBytes: at, lastBytes }
}

/** How long the segment is without the zeros at its end. */
function withoutZeros(segment: Buffer): number {
  let endBytes = segment.length
  while (endBytes > 0 && segment[endBytes - 1] === 0) endBytes--
  return endBytes
}

function failed(message: string, cause?: unknown): DfsError {
  return new DfsError('journal-failed', message, { cause })
}
