const zeroBytes = Buffer.alloc(1024 * 1024)

/** That many zeros; they are shared and must not be changed. */
export function zeros(lengthBytes: number): Uint8Array[] {
  const buffers: Uint8Array[] = []
  for (let left = lengthBytes; left > 0; left -= zeroBytes.length) {
    buffers.push(left >= zeroBytes.length ? zeroBytes : zeroBytes.subarray(0, left))
  }
  return buffers
}

/** A range of bytes that stand in several buffers, without copying them. */
export function slice(buffers: readonly Uint8Array[], fromBytes: number, toBytes: number): Uint8Array[] {
  const parts: Uint8Array[] = []
  let start = 0
  for (const buffer of buffers) {
    const from = Math.max(0, fromBytes - start)
    const to = Math.min(buffer.length, toBytes - start)
    if (from < to) parts.push(from === 0 && to === buffer.length ? buffer : buffer.subarray(from, to))
    start += buffer.length
    if (start >= toBytes) break
  }
  return parts
}
