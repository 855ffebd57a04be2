import type Fuse from 'fuse-native'
import type { AttributeChanges, FileSystem, OpenFile } from '../../client/file-system.ts'
import type { Attributes, Caller } from '../../protocol/attributes.ts'
import { DfsError } from '../../protocol/errors.ts'
import type { InodeId } from '../../protocol/identifiers.ts'
import { limits } from '../../protocol/limits.ts'
import { bytesOfText, textOf, type LinkTarget, type XattrName } from '../../protocol/names.ts'
import { superuser } from '../../protocol/attributes.ts'
import { openOptionsOf } from '../decoding.ts'
import { joinTime, splitTime, typeBits } from '../encoding.ts'
import { errnoNumber, errnoOf } from '../errno.ts'
import { ModeBits, OpenFlags, Whence } from '../linux.ts'
import { allocationKind } from '../operations/fallocate.ts'
import { nodeOfMode } from '../operations/mknod.ts'
import { renameModeOf } from '../operations/rename.ts'
import { xattrModeOf } from '../operations/setxattr.ts'
import { PathWalk } from './paths.ts'

export interface BridgeParts {
  fileSystem: FileSystem
  root: InodeId
  readOnly: boolean
  /** On whose behalf the operation under way is. */
  caller: () => Caller
  /** Called when libfuse is done with the mount. */
  onDestroy: () => void
  /** The package's special values for utimensat(2). */
  time: { now: number, omit: number }
}

type Answer<Value> = (error: Fuse.Result, value?: Value) => void

const PAGE_ENTRIES = 4096
const BLOCK_BYTES = 4096
const FREE_INODES = 2 ** 32

/** libfuse's operations on paths, as calls on inodes. */
export class Bridge {
  readonly #parts: BridgeParts
  readonly #walk: PathWalk
  readonly #open = new Map<number, OpenFile>()
  #lastHandle = 0

  constructor(parts: BridgeParts) {
    this.#parts = parts
    this.#walk = new PathWalk(parts.fileSystem, parts.root)
  }

  /** Every open file. */
  files(): OpenFile[] {
    return [...this.#open.values()]
  }

  operations(): Fuse.OPERATIONS {
    const { fileSystem, caller } = this.#parts
    const walk = this.#walk
    return {
      destroy: cb => {
        this.#parts.onDestroy()
        cb(0)
      },
      statfs: (_path, cb) => {
        answer(cb, async () => {
          const { totalBytes, freeBytes, files } = await fileSystem.totals()
          const free = Math.floor(freeBytes / BLOCK_BYTES)
          return {
            bsize: BLOCK_BYTES, frsize: BLOCK_BYTES, blocks: Math.floor(totalBytes / BLOCK_BYTES), bfree: free, bavail: free,
            files: files + FREE_INODES, ffree: FREE_INODES, favail: FREE_INODES, namemax: limits.nameBytesMax,
          }
        })
      },
      getattr: (path, cb) => { answer(cb, async () => statsOf(await walk.attributes(path))) },
      fgetattr: (path, fd, cb) => {
        answer(cb, async () => {
          const file = this.#open.get(Number(fd))
          return statsOf(file === undefined ? await walk.attributes(path) : await fileSystem.attributes(file.inode))
        })
      },
      readdir: (path, cb) => {
        this.#list(path).then(({ names, stats }) => { cb(0, names, stats) }, (error: unknown) => { cb(failure(error)) })
      },
      readlink: (path, cb) => {
        answer(cb, async () => textOf(await fileSystem.readLink(await walk.inode(path))))
      },

      mknod: (path, mode, device, cb) => {
        this.#change(cb, async who => {
          const { parent, name } = await walk.place(path)
          await fileSystem.make(parent, name, nodeOfMode(mode, Number(device)), who)
        })
      },
      mkdir: (path, mode, cb) => {
        this.#change(cb, async who => {
          const { parent, name } = await walk.place(path)
          await fileSystem.make(parent, name, { type: 'directory', mode: mode & ModeBits.all }, who)
        })
      },
      symlink: (target, path, cb) => {
        this.#change(cb, async who => {
          const { parent, name } = await walk.place(path)
          await fileSystem.make(parent, name, { type: 'symlink', target: bytesOfText(target) as LinkTarget }, who)
        })
      },
      link: (from, to, cb) => {
        this.#change(cb, async who => {
          const { parent, name } = await walk.place(to)
          await fileSystem.link(await walk.inode(from), parent, name, who)
        })
      },
      unlink: (path, cb) => {
        this.#change(cb, async who => {
          const { parent, name } = await walk.place(path)
          await fileSystem.unlink(parent, name, who)
        })
      },
      rmdir: (path, cb) => {
        this.#change(cb, async who => {
          const { parent, name } = await walk.place(path)
          await fileSystem.removeDirectory(parent, name, who)
        })
      },
      renameWithFlags: (from, to, flags, cb) => {
        this.#change(cb, async who =>
          fileSystem.rename(await walk.place(from), await walk.place(to), renameModeOf(flags), who))
      },

      chmod: (path, mode, cb) => { this.#set(path, cb, { mode: mode & ModeBits.all }) },
      chown: (path, uid, gid, cb) => {
        // An id that stays comes as -1.
        const stays = (id: number): boolean => id === -1 || id === 0xffff_ffff
        this.#set(path, cb, { ...stays(uid) ? {} : { uid }, ...stays(gid) ? {} : { gid } })
      },
      truncate: (path, size, cb) => { this.#set(path, cb, { sizeBytes: Number(size) }) },
      ftruncate: (_path, fd, size, cb) => { this.#change(cb, () => this.#file(fd).truncate(Number(size))) },
      utimensWithTimespec: (path, accessed, modified, cb) => {
        const accessedNs = this.#time(accessed)
        const modifiedNs = this.#time(modified)
        this.#set(path, cb, {
          ...accessedNs === undefined ? {} : { accessedNs }, ...modifiedNs === undefined ? {} : { modifiedNs },
        })
      },

      setxattr: (path, name, value, _position, flags, cb) => {
        this.#change(cb, async who =>
          fileSystem.setXattr(await walk.inode(path), xattrName(name), Buffer.from(value), xattrModeOf(flags), who))
      },
      getxattr: (path, name, _position, cb) => {
        answer(cb, async () => fileSystem.getXattr(await walk.inode(path), xattrName(name), caller()))
      },
      listxattr: (path, cb) => {
        answer(cb, async () => (await fileSystem.listXattrs(await walk.inode(path))).map(textOf))
      },
      removexattr: (path, name, cb) => {
        this.#change(cb, async who => fileSystem.removeXattr(await walk.inode(path), xattrName(name), who))
      },

      open: (path, flags, cb) => {
        answer(cb, async () => {
          const options = openOptionsOf(flags)
          if (options.write) this.#refuseReadOnly()
          const who = (flags & OpenFlags.execute) === 0 ? caller() : superuser
          return this.#handle(await fileSystem.open(await walk.inode(path), options, who))
        })
      },
      createWithFlags: (path, mode, flags, cb) => {
        answer(cb, async () => {
          this.#refuseReadOnly()
          const who = caller()
          const { parent, name } = await walk.place(path)
          const options = { ...openOptionsOf(flags), exclusive: (flags & OpenFlags.exclusive) !== 0 }
          return this.#handle(await fileSystem.create(parent, name, mode & ModeBits.all, options, who))
        })
      },
      readBuffer: (_path, fd, length, position, cb) => {
        answer(cb, async () => {
          const { parts, giveBack } = await this.#file(fd).lend(Number(position), length)
          const bytes = Buffer.concat(parts)
          giveBack()
          return bytes
        })
      },
      write: (_path, fd, buffer, length, position, cb) => {
        attempt(() => this.#file(fd).write(Number(position), buffer.subarray(0, length)))
          .then(() => { cb(length) }, (error: unknown) => { cb(failure(error)) })
      },
      flush: (_path, fd, cb) => { answer(cb, () => this.#file(fd).flush()) },
      fsync: (_path, _dataOnly, fd, cb) => { answer(cb, () => this.#file(fd).sync()) },
      fsyncdir: (_path, _dataOnly, _fd, cb) => { cb(0) },
      release: (_path, fd, cb) => {
        answer(cb, async () => {
          const file = this.#file(fd)
          this.#open.delete(Number(fd))
          await file.close()
        })
      },
      fallocate: (_path, fd, mode, offset, length, cb) => {
        this.#change(cb, () => this.#file(fd).allocate(allocationKind(mode), Number(offset), Number(length)))
      },
      lseek: (_path, fd, offset, whence, cb) => {
        answer(cb, () => {
          if (whence !== Whence.data && whence !== Whence.hole) throw new DfsError('invalid', 'no such whence')
          return this.#file(fd).seek(whence === Whence.data ? 'data' : 'hole', Number(offset))
        })
      },
    }
  }

  /** A change of the file system on behalf of the caller. */
  #change(cb: (error: Fuse.Result) => void, run: (who: Caller) => Promise<void>): void {
    answer(error => { cb(error) }, () => {
      this.#refuseReadOnly()
      return run(this.#parts.caller())
    })
  }

  #set(path: string | null, cb: (error: Fuse.Result) => void, changes: AttributeChanges): void {
    this.#change(cb, async who => {
      await this.#parts.fileSystem.setAttributes(await this.#walk.inode(path), changes, who)
    })
  }

  #time({ seconds, nanoseconds }: Fuse.Timespec): bigint | 'now' | undefined {
    if (nanoseconds === this.#parts.time.omit) return undefined
    return nanoseconds === this.#parts.time.now ? 'now' : joinTime(Number(seconds), nanoseconds)
  }

  #refuseReadOnly(): void {
    if (this.#parts.readOnly) throw new DfsError('read-only', 'the file system is mounted read-only')
  }

  #handle(file: OpenFile): number {
    this.#lastHandle++
    this.#open.set(this.#lastHandle, file)
    return this.#lastHandle
  }

  #file(fd: Fuse.FileHandle): OpenFile {
    const file = this.#open.get(Number(fd))
    if (file === undefined) throw new DfsError('bad-descriptor', `no open file has number ${String(fd)}`)
    return file
  }

  async #list(path: string | null): Promise<{ names: string[], stats: Fuse.Stats[] }> {
    const names: string[] = []
    const stats: Fuse.Stats[] = []
    const inode = await this.#walk.inode(path)
    let after
    for (;;) {
      const { entries, complete } = await this.#parts.fileSystem.readDirectory(inode, after, PAGE_ENTRIES, superuser)
      for (const { name, attributes, cursor } of entries) {
        names.push(textOf(name))
        stats.push(statsOf(attributes))
        after = cursor
      }
      if (complete || entries.length === 0) return { names, stats }
    }
  }
}

/** Answers with what `run` gives, or with the errno of what it throws. */
function answer<Value>(cb: Answer<Value>, run: () => Promise<Value>): void {
  attempt(run).then(value => { cb(0, value) }, (error: unknown) => { cb(failure(error)) })
}

function attempt<Value>(run: () => Promise<Value>): Promise<Value> {
  return new Promise(resolve => { resolve(run()) })
}

function failure(error: unknown): number {
  return -errnoNumber(errnoOf(error))
}

function xattrName(name: string): XattrName {
  if (name.startsWith('system.')) throw new DfsError('not-supported', `${name}: attributes of the system are not kept`)
  return bytesOfText(name) as XattrName
}

function statsOf(attributes: Attributes): Fuse.Stats {
  return {
    mode: typeBits[attributes.type] | attributes.mode, uid: attributes.uid, gid: attributes.gid, size: attributes.sizeBytes,
    nlink: attributes.links, ino: attributes.inode, rdev: attributes.device, blksize: BLOCK_BYTES,
    blocks: Math.ceil(attributes.allocatedBytes / 512),
    atime: splitTime(attributes.accessedNs), mtime: splitTime(attributes.modifiedNs), ctime: splitTime(attributes.changedNs),
  }
}
