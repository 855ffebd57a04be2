import fs from 'node:fs'
import path from 'node:path'
import { PAGE_BYTES, startsAtPage } from './payloads.ts'
import { pooledSyncs, type Syncs } from './syncs.ts'
import { DiskError, type Capacity, type Disk, type DiskFile, type OpenMode } from './disk.ts'

/** Below this, a system call on the page cache costs less than a trip through the thread pool. */
const INLINE_BYTES_MAX = 64 * 1024

/** From this on, a write that bypasses the page cache is worth the trip to the disk that it waits for. */
const DIRECT_BYTES_MIN = 256 * 1024

/** A folder of the real file system as a {@link Disk}; made if it is missing. */
export function folder(root: string, syncs: Syncs = pooledSyncs): Disk {
  const base = path.resolve(root)
  const at = (name: string): string => `${base}/${name}`
  attempt(root, () => fs.mkdirSync(root, { recursive: true }))
  return {
    open: (name, mode) => new FolderFile(at(name), mode, syncs),
    sizeOf: name => attempt(at(name), () => fs.statSync(at(name), { throwIfNoEntry: false })?.size),
    list: name => {
      try {
        return fs.readdirSync(at(name))
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return []
        throw diskError(at(name), error)
      }
    },
    rename: (from, to) => { attempt(at(from), () => { fs.renameSync(at(from), at(to)) }) },
    remove: name => { attempt(at(name), () => { removeFile(at(name)) }) },
    removeLarge: name => fs.promises.rm(at(name), { force: true }).catch((error: unknown) => { throw diskError(at(name), error) }),
    syncFolder: name => syncFolder(at(name)),
    capacity: () => capacity(root),
    bootId: () => attempt('/proc/sys/kernel/random/boot_id', () =>
      fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
  }
}

class FolderFile implements DiskFile {
  readonly #path: string
  readonly #fd: number
  readonly #syncs: Syncs
  /** For writes past the page cache: 'untried' until the first, 'refused' where the file system has no such thing. */
  #direct: number | 'untried' | 'refused' = 'untried'

  constructor(file: string, mode: OpenMode, syncs: Syncs) {
    this.#path = file
    this.#syncs = syncs
    this.#fd = openFile(file, mode)
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
    const directBytes = directFront(buffers, offsetBytes)
    const done = directBytes > 0 ? await this.#writeDirect(buffers, directBytes, offsetBytes) : 0
    if (done < lengthBytes) await this.#writeAll(this.#fd, without([...buffers], done), offsetBytes + done)
  }

  /**
   * Hands the front of the bytes to the disk without a copy to the page cache, which costs more time of the processor than
   * all else that is done with them. The page cache forgets what it had of the range.
   * @returns how many bytes were written: none where the file system does not do this
   */
  async #writeDirect(buffers: readonly Uint8Array[], lengthBytes: number, offsetBytes: number): Promise<number> {
    try {
      this.#direct = this.#direct === 'untried' ? openDirect(this.#fd) : this.#direct
      if (this.#direct === 'refused') return 0
      await this.#writeAll(this.#direct, upTo(buffers, lengthBytes), offsetBytes)
      return lengthBytes
    } catch (error) {
      if (codeOf(error) !== 'EINVAL') throw error instanceof DiskError ? error : diskError(this.#path, error)
      this.#closeDirect()
      return 0
    }
  }

  async #writeAll(fd: number, buffers: Uint8Array[], offsetBytes: number): Promise<void> {
    for (let left = buffers, at = offsetBytes; left.length > 0;) {
      const written = await new Promise<number>((resolve, reject) => {
        fs.writev(fd, left, at, (error, bytes) => {
          if (error === null) resolve(bytes)
          else reject(diskError(this.#path, error))
        })
      })
      at += written
      left = without(left, written)
    }
  }

  #closeDirect(): void {
    if (typeof this.#direct === 'number') fs.closeSync(this.#direct)
    this.#direct = 'refused'
  }

  truncateNow(sizeBytes: number): void {
    attempt(this.#path, () => { fs.ftruncateSync(this.#fd, sizeBytes) })
  }

  async sync(): Promise<void> {
    try {
      await this.#syncs.sync(this.#fd)
    } catch (error) {
      throw diskError(this.#path, error)
    }
  }

  close(): void {
    attempt(this.#path, () => {
      this.#closeDirect()
      fs.closeSync(this.#fd)
    })
  }
}

/** Opens the same file once more: under its path there may be none any more, or another. */
function openDirect(fd: number): number {
  return fs.openSync(`/proc/self/fd/${String(fd)}`, fs.constants.O_RDWR | fs.constants.O_DIRECT)
}

const { O_RDWR, O_CREAT, O_TRUNC } = fs.constants
const flagsOf = { existing: O_RDWR, create: O_RDWR | O_CREAT, empty: O_RDWR | O_CREAT | O_TRUNC }

function openFile(file: string, mode: OpenMode): number {
  try {
    return fs.openSync(file, flagsOf[mode], 0o640)
  } catch (error) {
    if (mode === 'existing' || codeOf(error) !== 'ENOENT') throw diskError(file, error)
  }
  return attempt(file, () => {
    fs.mkdirSync(path.dirname(file), { recursive: true })
    return fs.openSync(file, flagsOf[mode], 0o640)
  })
}

/** How many of the bytes, from the first on, can go to the disk past the page cache: whole pages of memory and of the file. */
function directFront(buffers: readonly Uint8Array[], offsetBytes: number): number {
  if (offsetBytes % PAGE_BYTES !== 0) return 0
  let front = 0
  for (const buffer of buffers) {
    if (!startsAtPage(buffer)) break
    const ragged = buffer.length % PAGE_BYTES
    front += buffer.length - ragged
    if (ragged > 0) break
  }
  return front < DIRECT_BYTES_MIN ? 0 : front
}

/** The first `count` bytes. */
function upTo(buffers: readonly Uint8Array[], count: number): Uint8Array[] {
  const front: Uint8Array[] = []
  for (const buffer of buffers) {
    if (count <= 0) break
    front.push(buffer.subarray(0, count))
    count -= buffer.length
  }
  return front
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

function removeFile(file: string): void {
  try {
    fs.unlinkSync(file)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
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
