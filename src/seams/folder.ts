import fs from 'node:fs'
import path from 'node:path'
import { DiskError, type Capacity, type Disk, type DiskFile } from './disk.ts'

/** Below this, a system call on the page cache costs less than a trip through the thread pool. */
const INLINE_BYTES_MAX = 64 * 1024

/** A folder of the real file system as a {@link Disk}; made if it is missing. */
export function folder(root: string): Disk {
  const at = (name: string): string => path.join(root, name)
  attempt(root, () => fs.mkdirSync(root, { recursive: true }))
  return {
    open: (name, mode) => new FolderFile(at(name), mode),
    list: name => {
      try {
        return fs.readdirSync(at(name))
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return []
        throw diskError(at(name), error)
      }
    },
    rename: (from, to) => { attempt(at(from), () => { fs.renameSync(at(from), at(to)) }) },
    remove: name => { attempt(at(name), () => { fs.rmSync(at(name), { force: true }) }) },
    syncFolder: name => syncFolder(at(name)),
    capacity: () => capacity(root),
    bootId: () => attempt('/proc/sys/kernel/random/boot_id', () =>
      fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
  }
}

class FolderFile implements DiskFile {
  readonly #path: string
  readonly #fd: number

  constructor(file: string, mode: 'existing' | 'create') {
    this.#path = file
    this.#fd = mode === 'existing' ? attempt(file, () => fs.openSync(file, 'r+')) : openOrCreate(file)
  }

  sizeBytes(): number {
    return attempt(this.#path, () => fs.fstatSync(this.#fd).size)
  }

  readNow(into: Uint8Array, offsetBytes: number): number {
    return attempt(this.#path, () => {
      let done = 0
      while (done < into.length) {
        const got = fs.readSync(this.#fd, into, done, into.length - done, offsetBytes + done)
        if (got === 0) break
        done += got
      }
      return done
    })
  }

  writeNow(data: Uint8Array, offsetBytes: number): void {
    attempt(this.#path, () => {
      for (let done = 0; done < data.length;) {
        done += fs.writeSync(this.#fd, data, done, data.length - done, offsetBytes + done)
      }
    })
  }

  async read(into: Uint8Array, offsetBytes: number): Promise<number> {
    for (let done = 0; ;) {
      const got = await new Promise<number>((resolve, reject) => {
        fs.read(this.#fd, into, done, into.length - done, offsetBytes + done, (error, bytes) => {
          if (error === null) resolve(bytes)
          else reject(diskError(this.#path, error))
        })
      })
      done += got
      if (got === 0 || done === into.length) return done
    }
  }

  async write(buffers: readonly Uint8Array[], offsetBytes: number): Promise<void> {
    const lengthBytes = buffers.reduce((sum, buffer) => sum + buffer.length, 0)
    if (lengthBytes <= INLINE_BYTES_MAX) {
      let at = offsetBytes
      for (const buffer of buffers) {
        this.writeNow(buffer, at)
        at += buffer.length
      }
      return
    }
    let left = [...buffers]
    for (let done = 0; done < lengthBytes;) {
      const written = await new Promise<number>((resolve, reject) => {
        fs.writev(this.#fd, left, offsetBytes + done, (error, bytes) => {
          if (error === null) resolve(bytes)
          else reject(diskError(this.#path, error))
        })
      })
      done += written
      left = without(left, written)
    }
  }

  truncateNow(sizeBytes: number): void {
    attempt(this.#path, () => { fs.ftruncateSync(this.#fd, sizeBytes) })
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(this.#fd, error => {
        if (error === null) resolve()
        else reject(diskError(this.#path, error))
      })
    })
  }

  close(): void {
    attempt(this.#path, () => { fs.closeSync(this.#fd) })
  }
}

function openOrCreate(file: string): number {
  const flags = fs.constants.O_RDWR | fs.constants.O_CREAT
  try {
    return fs.openSync(file, flags, 0o640)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw diskError(file, error)
  }
  return attempt(file, () => {
    fs.mkdirSync(path.dirname(file), { recursive: true })
    return fs.openSync(file, flags, 0o640)
  })
}

/** The same bytes less the first `count`. */
function without(buffers: Uint8Array[], count: number): Uint8Array[] {
  const rest: Uint8Array[] = []
  for (const buffer of buffers) {
    if (count >= buffer.length) count -= buffer.length
    else {
      rest.push(count === 0 ? buffer : buffer.subarray(count))
      count = 0
    }
  }
  return rest
}

function syncFolder(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fd = attempt(name, () => fs.openSync(name, 'r'))
    fs.fsync(fd, error => {
      fs.closeSync(fd)
      if (error === null) resolve()
      else reject(diskError(name, error))
    })
  })
}

function capacity(root: string): Capacity {
  const { blocks, bavail, bsize } = attempt(root, () => fs.statfsSync(root))
  return { totalBytes: blocks * bsize, freeBytes: bavail * bsize }
}

function attempt<Result>(name: string, run: () => Result): Result {
  try {
    return run()
  } catch (error) {
    throw diskError(name, error)
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'EIO'
}

function diskError(name: string, error: unknown): DiskError {
  return new DiskError(codeOf(error), `${name}: ${error instanceof Error ? error.message : String(error)}`)
}
