import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { DiskError } from './disk.ts'

/** A folder that no other process of this machine may use for the same purpose at the same time. */
export interface Exclusive {
  release(): Promise<void>
}

/**
 * Takes a folder, made if it is missing, for this process. The lock is an abstract socket named after the folder's
 * device and inode: the kernel drops it with the process, however that ended, and no file is left to be cleaned up.
 * @param purpose the kind of process, such as 'chunkserver'
 * @throws DiskError 'EBUSY' another process has it; what the disk says when the folder cannot be made
 */
export async function takeFolder(root: string, purpose: string): Promise<Exclusive> {
  const { dev, ino } = identify(root)
  const server = net.createServer(socket => { socket.destroy() })
  await new Promise<void>((resolve, reject) => {
    server.once('error', error => {
      const taken = 'code' in error && error.code === 'EADDRINUSE'
      reject(taken
        ? new DiskError('EBUSY', `${root} is in use by another ${purpose}`)
        : new DiskError('EIO', `${root}: cannot be locked: ${error.message}`))
    })
    server.listen(`\0dfs-${purpose}-${String(dev)}:${String(ino)}`, resolve)
  })
  // The lock alone must not keep a process alive that has nothing else to do.
  server.unref()
  return { release: () => new Promise(resolve => { server.close(() => { resolve() }) }) }
}

function identify(root: string): { dev: bigint, ino: bigint } {
  try {
    makeFolder(path.resolve(root))
    fs.accessSync(root, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK)
    return fs.statSync(root, { bigint: true })
  } catch (error) {
    throw new DiskError(codeOf(error) ?? 'EIO', `${root} cannot be used: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** As mkdir -p. Node's own never ends where a folder exists and takes no children, as under /proc. */
function makeFolder(folder: string): void {
  if (fs.existsSync(folder)) return
  makeFolder(path.dirname(folder))
  try {
    fs.mkdirSync(folder)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
