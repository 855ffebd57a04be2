import type { FileSystem, Totals } from '../../client/file-system.ts'
import { limits } from '../../protocol/limits.ts'
import { pause } from '../../seams/clock.ts'
import { statfsOut } from '../kernel/messages.ts'
import { operation, type Mount } from '../operation.ts'

const BLOCK_BYTES = 4096
/** The master's disk bounds the number of files; this many more is as good an answer as any. */
const FREE_INODES = 2 ** 32
/** After this time, in ms, older totals will do: umount(8) asks for them too, and must work when the master does not. */
const FRESH_MS_MAX = 1_000

const lastTotals = new WeakMap<FileSystem, Totals>()

export const statfs = operation('statfs', async mount => {
  const { totalBytes, freeBytes, files } = await totalsInTime(mount)
  const free = Math.floor(freeBytes / BLOCK_BYTES)
  return {
    parts: [statfsOut.encode({
      blocks: Math.floor(totalBytes / BLOCK_BYTES), bfree: free, bavail: free,
      files: files + FREE_INODES, ffree: FREE_INODES,
      bsize: BLOCK_BYTES, frsize: BLOCK_BYTES, namelen: limits.nameBytesMax,
    })],
  }
})

async function totalsInTime({ fileSystem, clock }: Mount): Promise<Totals> {
  const fresh = fileSystem.totals().then(totals => {
    lastTotals.set(fileSystem, totals)
    return totals
  })
  const last = lastTotals.get(fileSystem)
  if (last === undefined) return fresh
  const answered = new AbortController()
  fresh.catch(() => undefined).finally(() => { answered.abort() })
  await pause(clock, FRESH_MS_MAX, answered.signal)
  return answered.signal.aborted ? fresh : last
}
