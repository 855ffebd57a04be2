import { limits } from '../../protocol/limits.ts'
import { statfsOut } from '../kernel/messages.ts'
import { operation } from '../operation.ts'

const BLOCK_BYTES = 4096
/** The master's disk bounds the number of files; this many more is as good an answer as any. */
const FREE_INODES = 2 ** 32

export const statfs = operation('statfs', async mount => {
  const { totalBytes, freeBytes, files } = await mount.fileSystem.totals()
  const free = Math.floor(freeBytes / BLOCK_BYTES)
  return {
    parts: [statfsOut.encode({
      blocks: Math.floor(totalBytes / BLOCK_BYTES), bfree: free, bavail: free,
      files: files + FREE_INODES, ffree: FREE_INODES,
      bsize: BLOCK_BYTES, frsize: BLOCK_BYTES, namelen: limits.nameBytesMax,
    })],
  }
})
