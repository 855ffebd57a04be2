import { WRITE_BYTES_MAX } from './buffers.ts'
import { InitFlag, initIn, initOut, PROTOCOL_MAJOR, PROTOCOL_MINOR, PROTOCOL_MINOR_MIN } from './messages.ts'

const PAGE_BYTES = 4096
/** Reads ahead and other requests that no process waits for, in flight at once. */
const BACKGROUND_MAX = 64

/**
 * What we want where the kernel offers it. Not among it: locks (kept by the kernel within the mount, and right there),
 * splicing (its pipes would cost more calls), and the writeback cache (it keeps size and mtime from other mounts).
 * Explicit invalidation, because the automatic one empties the page cache whenever our own writes move mtime on.
 */
const wanted = InitFlag.asyncRead | InitFlag.atomicTruncate | InitFlag.bigWrites | InitFlag.doReaddirplus
  | InitFlag.readdirplusAuto | InitFlag.asyncDirectIo | InitFlag.parallelDirops | InitFlag.maxPages
  | InitFlag.cacheSymlinks | InitFlag.explicitInvalData | InitFlag.handleKillprivV2

/** Our half of the handshake, or why there is none. */
export function negotiate(request: Buffer): { answer: Buffer } | { refusal: string } {
  const kernel = initIn.decode(request)
  if (kernel.major !== PROTOCOL_MAJOR || kernel.minor < PROTOCOL_MINOR_MIN) {
    return {
      refusal: `this kernel speaks version ${String(kernel.major)}.${String(kernel.minor)} of the FUSE protocol, `
        + `and ${String(PROTOCOL_MAJOR)}.${String(PROTOCOL_MINOR_MIN)} (Linux 5.4) or later is needed`,
    }
  }
  return {
    answer: initOut.encode({
      major: PROTOCOL_MAJOR,
      minor: Math.min(kernel.minor, PROTOCOL_MINOR),
      maxReadahead: kernel.maxReadahead,
      flags: kernel.flags & wanted,
      maxBackground: BACKGROUND_MAX,
      congestionThreshold: BACKGROUND_MAX * 3 / 4,
      maxWrite: WRITE_BYTES_MAX,
      timeGran: 1,
      maxPages: WRITE_BYTES_MAX / PAGE_BYTES,
    }),
  }
}
