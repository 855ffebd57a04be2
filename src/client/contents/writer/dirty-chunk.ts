import { limits } from '../../../protocol/limits.ts'
import type { Slab } from './slabs.ts'

/** Bytes of one chunk that have not reached its replicas. */
export interface Segment {
  /** In the chunk. */
  offsetBytes: number
  bytes: Buffer
  readonly slab: Slab
  /** Number of the oldest write with bytes in here. */
  readonly write: number
}

/** Segments that leave together, as one mutation. */
export interface Batch {
  readonly segments: readonly Segment[]
  readonly lengthBytes: number
}

/** A contiguous range this long leaves without being asked to; no batch is larger, so that many are on their way at once. */
export const RUN_BYTES = 1024 * 1024

/** Scattered ranges leave when there are this many bytes of them, or as many ranges as one commit takes. */
const SCATTERED_BYTES = limits.payloadBytesMax

const endOf = (segment: Segment): number => segment.offsetBytes + segment.bytes.length

/**
 * The unsent bytes of one chunk: pending segments, in the order of their offsets and without overlaps, and the batches
 * under way. A pending byte is newer than the one under way at the same place, and never overtakes it.
 */
export class DirtyChunk {
  readonly #release: (slab: Slab, count: number) => void
  #pending: Segment[] = []
  #pendingBytes = 0
  readonly #sending = new Set<Batch>()
  #due = false

  /** @param release told of bytes that are no longer needed */
  constructor(release: (slab: Slab, count: number) => void) {
    this.#release = release
  }

  get empty(): boolean {
    return this.#pending.length === 0 && this.#sending.size === 0
  }

  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /** Whether enough has come together to be sent without being asked to. */
  get due(): boolean {
    return this.#due
  }

  /** Number of the oldest write that has bytes here. */
  oldestWrite(): number {
    let oldest = Infinity
    for (const { write } of this.#pending) oldest = Math.min(oldest, write)
    for (const { segments } of this.#sending) {
      for (const { write } of segments) oldest = Math.min(oldest, write)
    }
    return oldest
  }

  /** Takes newer bytes in; what they cover and has not left is forgotten. */
  put(segment: Segment): void {
    this.#forget(segment.offsetBytes, endOf(segment))
    let at = this.#firstBehind(segment.offsetBytes)
    const before = this.#pending[at - 1]
    if (before !== undefined && continues(before, segment)) {
      before.bytes = before.slab.bytes.subarray(
        before.bytes.byteOffset - before.slab.bytes.byteOffset,
        segment.bytes.byteOffset - segment.slab.bytes.byteOffset + segment.bytes.length)
      at--
    } else {
      this.#pending.splice(at, 0, segment)
    }
    this.#pendingBytes += segment.bytes.length
    this.#due ||= this.#pendingBytes >= SCATTERED_BYTES || this.#pending.length >= limits.extentsMax
      || (this.#pendingBytes >= RUN_BYTES && this.#runAround(at) >= RUN_BYTES)
  }

  /** Drops pending bytes of a range. */
  drop(fromBytes: number, toBytes: number): void {
    this.#forget(fromBytes, toBytes)
  }

  /**
   * The next batch that may leave: what overlaps one under way has to wait for it.
   * @param all takes the ragged end of a long run too, which otherwise waits to be completed
   */
  take({ all }: { all: boolean }): Batch | undefined {
    const segments: Segment[] = []
    let lengthBytes = 0
    let extents = 0
    const left: Segment[] = []
    let full = false
    for (const segment of this.#pending) {
      const previous = segments.at(-1)
      const joins = previous !== undefined && endOf(previous) === segment.offsetBytes
      full ||= (!joins && extents === limits.extentsMax) || lengthBytes === RUN_BYTES
      if (full || this.#isUnderWay(segment)) {
        left.push(segment)
        continue
      }
      const [front, rest] = split(segment, RUN_BYTES - lengthBytes)
      segments.push(front)
      if (rest !== undefined) left.push(rest)
      if (!joins) extents++
      lengthBytes += front.bytes.length
    }
    if (!all) lengthBytes -= leaveRaggedEnd(segments, left)
    if (segments.length === 0) return undefined
    this.#pending = left
    this.#pendingBytes -= lengthBytes
    this.#due = left.length >= limits.extentsMax || this.#pendingBytes >= SCATTERED_BYTES
      || (this.#pendingBytes >= RUN_BYTES && left.some((_, at) => this.#runAround(at) >= RUN_BYTES))
    const batch = { segments, lengthBytes }
    this.#sending.add(batch)
    return batch
  }

  /** Whether nothing is left behind the batch or beside it. */
  isLast(batch: Batch): boolean {
    return this.#pending.length === 0 && this.#sending.size === 1 && this.#sending.has(batch)
  }

  /** The batch has arrived everywhere, or was given up. */
  sent(batch: Batch): void {
    this.#sending.delete(batch)
    for (const { slab, bytes } of batch.segments) this.#release(slab, bytes.length)
  }

  /** Whether all bytes of the range are here, or some, or none. */
  covers(fromBytes: number, toBytes: number): 'all' | 'some' | 'none' {
    const parts: Segment[] = []
    this.#each(fromBytes, toBytes, segment => parts.push(segment))
    if (parts.length === 0) return 'none'
    parts.sort((one, other) => one.offsetBytes - other.offsetBytes)
    let reached = fromBytes
    for (const part of parts) {
      if (part.offsetBytes > reached) return 'some'
      reached = Math.max(reached, endOf(part))
    }
    return reached >= toBytes ? 'all' : 'some'
  }

  /** Copies of the unsent bytes of a range, older ones first: to be laid over what the replicas have. */
  copyOf(fromBytes: number, toBytes: number): { offsetBytes: number, bytes: Buffer }[] {
    const copies: { offsetBytes: number, bytes: Buffer }[] = []
    this.#each(fromBytes, toBytes, ({ offsetBytes, bytes }) => {
      const start = Math.max(offsetBytes, fromBytes)
      const end = Math.min(offsetBytes + bytes.length, toBytes)
      copies.push({ offsetBytes: start, bytes: Buffer.from(bytes.subarray(start - offsetBytes, end - offsetBytes)) })
    })
    return copies
  }

  /** The segments that touch the range, older ones first. */
  #each(fromBytes: number, toBytes: number, visit: (segment: Segment) => void): void {
    for (const { segments } of this.#sending) {
      for (const segment of segments) {
        if (segment.offsetBytes < toBytes && endOf(segment) > fromBytes) visit(segment)
      }
    }
    for (let at = this.#firstEndingBehind(fromBytes); at < this.#pending.length; at++) {
      const segment = this.#pending[at]
      if (segment === undefined || segment.offsetBytes >= toBytes) return
      visit(segment)
    }
  }

  #isUnderWay(segment: Segment): boolean {
    for (const { segments } of this.#sending) {
      const first = segments[0]
      const last = segments.at(-1)
      if (first === undefined || last === undefined) continue
      if (first.offsetBytes >= endOf(segment) || endOf(last) <= segment.offsetBytes) continue
      if (segments.some(each => each.offsetBytes < endOf(segment) && endOf(each) > segment.offsetBytes)) return true
    }
    return false
  }

  /** Forgets pending bytes of a range. */
  #forget(fromBytes: number, toBytes: number): void {
    const first = this.#firstEndingBehind(fromBytes)
    let behind = first
    const kept: Segment[] = []
    for (; behind < this.#pending.length; behind++) {
      const segment = this.#pending[behind]
      if (segment === undefined || segment.offsetBytes >= toBytes) break
      const end = endOf(segment)
      const head = fromBytes - segment.offsetBytes
      if (head > 0) kept.push({ ...segment, bytes: segment.bytes.subarray(0, head) })
      if (end > toBytes) {
        kept.push({ ...segment, offsetBytes: toBytes, bytes: segment.bytes.subarray(toBytes - segment.offsetBytes) })
      }
      const forgotten = Math.min(end, toBytes) - Math.max(segment.offsetBytes, fromBytes)
      this.#pendingBytes -= forgotten
      this.#release(segment.slab, forgotten)
    }
    if (behind > first) this.#pending.splice(first, behind - first, ...kept)
  }

  /** Index of the first pending segment that starts at or behind the offset. */
  #firstBehind(offsetBytes: number): number {
    return this.#search(segment => segment.offsetBytes >= offsetBytes)
  }

  #firstEndingBehind(offsetBytes: number): number {
    return this.#search(segment => endOf(segment) > offsetBytes)
  }

  #search(isBehind: (segment: Segment) => boolean): number {
    let low = 0
    let high = this.#pending.length
    const last = this.#pending[high - 1]
    if (last === undefined || !isBehind(last)) return high
    while (low < high) {
      const middle = (low + high) >> 1
      const segment = this.#pending[middle]
      if (segment === undefined || isBehind(segment)) high = middle
      else low = middle + 1
    }
    return low
  }

  /** Length of the contiguous range that the segment is part of, counted up to RUN_BYTES. */
  #runAround(index: number): number {
    const middle = this.#pending[index]
    if (middle === undefined) return 0
    let start = middle.offsetBytes
    let end = endOf(middle)
    for (let at = index - 1; end - start < RUN_BYTES; at--) {
      const segment = this.#pending[at]
      if (segment === undefined || endOf(segment) !== start) break
      start = segment.offsetBytes
    }
    for (let at = index + 1; end - start < RUN_BYTES; at++) {
      const segment = this.#pending[at]
      if (segment?.offsetBytes !== end) break
      end = endOf(segment)
    }
    return end - start
  }
}

/** Whether the bytes of `next` follow those of `before` in the chunk and in memory. */
function continues(before: Segment, next: Segment): boolean {
  return before.slab === next.slab && endOf(before) === next.offsetBytes
    && before.bytes.byteOffset + before.bytes.length === next.bytes.byteOffset
}

function split(segment: Segment, lengthBytes: number): [Segment, Segment | undefined] {
  if (segment.bytes.length <= lengthBytes) return [segment, undefined]
  return [
    { ...segment, bytes: segment.bytes.subarray(0, lengthBytes) },
    { ...segment, offsetBytes: segment.offsetBytes + lengthBytes, bytes: segment.bytes.subarray(lengthBytes) },
  ]
}

/**
 * A run that still grows is cut where a checksum block ends, so that the next batch starts with a whole block.
 * @returns how many bytes went back to `left`
 */
function leaveRaggedEnd(segments: Segment[], left: Segment[]): number {
  const last = segments.at(-1)
  if (last === undefined) return 0
  const ragged = endOf(last) % limits.blockBytes
  let start = last.offsetBytes
  for (let at = segments.length - 2; at >= 0; at--) {
    const segment = segments[at]
    if (segment === undefined || endOf(segment) !== start) break
    start = segment.offsetBytes
  }
  if (ragged === 0 || endOf(last) - start < RUN_BYTES / 2 || ragged >= last.bytes.length) return 0
  segments.pop()
  const [front, rest] = split(last, last.bytes.length - ragged)
  segments.push(front)
  if (rest !== undefined) left.push(rest)
  left.sort((one, other) => one.offsetBytes - other.offsetBytes)
  return ragged
}
