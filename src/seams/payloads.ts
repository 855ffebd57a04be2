/** Room for the largest common message: 1 MiB of payload and its header. */
const SLAB_BYTES = 1024 * 1024 + 64 * 1024

/** What the disk wants memory and offsets to be multiples of, to be written without a copy in between. */
export const PAGE_BYTES = 4096

/** Slabs kept for reuse; more are left to the collector. */
const SLABS_FREE_MAX = 48

/** Smaller messages are not worth a slab. */
const SLAB_USE_BYTES_MIN = 128 * 1024

const free: ArrayBuffer[] = []

/** Which slab some bytes stand in, by the very object that was handed out: recycling twice does nothing. */
const lent = new WeakMap<Uint8Array, ArrayBuffer>()

/**
 * Memory for a message of that many bytes. It belongs to the caller until {@link recycle}, or for good.
 * @param alignedAt which of its bytes is to stand at the start of a page, if the message is long
 */
export function payloadMemory(bytes: number, alignedAt = 0): Buffer {
  const lead = (PAGE_BYTES - alignedAt % PAGE_BYTES) % PAGE_BYTES
  if (bytes < SLAB_USE_BYTES_MIN || lead + bytes > SLAB_BYTES) return Buffer.allocUnsafe(bytes)
  const slab = free.pop() ?? freshSlab()
  const memory = Buffer.from(slab, lead, bytes)
  lent.set(memory, slab)
  return memory
}

/** Only the memory of a resizable buffer is whole pages: V8 maps it, where it takes that of others from malloc. */
function freshSlab(): ArrayBuffer {
  return new ArrayBuffer(SLAB_BYTES, { maxByteLength: SLAB_BYTES })
}

/** Whether the bytes start at the start of a page of memory, as far as we can know. */
export function startsAtPage({ buffer, byteOffset }: Uint8Array): boolean {
  return byteOffset % PAGE_BYTES === 0 && buffer instanceof ArrayBuffer && buffer.resizable
}

/** Hands the right to recycle on to a part of the same bytes. */
export function recycleAs(whole: Buffer, part: Buffer): void {
  const slab = lent.get(whole)
  if (slab === undefined) return
  lent.delete(whole)
  lent.set(part, slab)
}

/**
 * Gives received bytes back, for the next message to use: only when nobody will look at them again, nor at a part of them.
 * It is never needed, only worth it where hundreds of MB/s pass: the collector looks through the whole heap for every
 * few dozen MB that are left to it, which took up to 40 % of a chunkserver's time.
 */
export function recycle(bytes: Uint8Array): void {
  const slab = lent.get(bytes)
  if (slab === undefined) return
  lent.delete(bytes)
  if (free.length < SLABS_FREE_MAX) free.push(slab)
}
