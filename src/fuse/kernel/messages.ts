import { structure } from './structure.ts'

/*
 * The kernel protocol of FUSE 7.31 and later, each message declared once, in the words of <linux/fuse.h>
 * (Debian's linux-libc-dev), which says what the fields mean.
 */

export const PROTOCOL_MAJOR = 7
/** The oldest minor version whose structures are the ones below. */
export const PROTOCOL_MINOR_MIN = 31
/** What we speak; the kernel limits itself to it. */
export const PROTOCOL_MINOR = 38

/** The kernel's number for the root of the mount, whichever directory of the file system that is. */
export const ROOT_NODE = 1

export const Opcode = {
  lookup: 1, forget: 2, getattr: 3, setattr: 4, readlink: 5, symlink: 6, mknod: 8, mkdir: 9, unlink: 10, rmdir: 11,
  rename: 12, link: 13, open: 14, read: 15, write: 16, statfs: 17, release: 18, fsync: 20, setxattr: 21, getxattr: 22,
  listxattr: 23, removexattr: 24, flush: 25, init: 26, opendir: 27, readdir: 28, releasedir: 29, fsyncdir: 30,
  access: 34, create: 35, interrupt: 36, bmap: 37, destroy: 38, ioctl: 39, poll: 40, batchForget: 42, fallocate: 43,
  readdirplus: 44, rename2: 45, lseek: 46, copyFileRange: 47, tmpfile: 51, statx: 52,
} as const

/** Codes of messages that we start; their `unique` is 0 and the code travels as the error. */
export const Notify = { invalInode: 2, invalEntry: 3, delete: 6 } as const

/** What INIT negotiates. */
export const InitFlag = {
  asyncRead: 1 << 0,
  atomicTruncate: 1 << 3,
  bigWrites: 1 << 5,
  doReaddirplus: 1 << 13,
  readdirplusAuto: 1 << 14,
  asyncDirectIo: 1 << 15,
  parallelDirops: 1 << 18,
  maxPages: 1 << 22,
  cacheSymlinks: 1 << 23,
  explicitInvalData: 1 << 25,
  handleKillprivV2: 1 << 28,
} as const

export const SetattrValid = {
  mode: 1 << 0, uid: 1 << 1, gid: 1 << 2, size: 1 << 3, atime: 1 << 4, mtime: 1 << 5, fh: 1 << 6,
  atimeNow: 1 << 7, mtimeNow: 1 << 8, killSuidgid: 1 << 11,
} as const

export const OpenOutFlag = { directIo: 1 << 0, keepCache: 1 << 1, noFlush: 1 << 5 } as const
export const OpenInFlag = { killSuidgid: 1 << 0 } as const
export const WriteFlag = { killSuidgid: 1 << 2 } as const

export const inHeader = structure({
  len: 'u32', opcode: 'u32', unique: 'u64', nodeid: 'u64', uid: 'u32', gid: 'u32', pid: 'u32', totalExtlen: 'u16', padding: 'u16',
})
export const outHeader = structure({ len: 'u32', error: 's32', unique: 'u64' })

const attrFields = {
  ino: 'u64', size: 'u64', blocks: 'u64', atime: 's64', mtime: 's64', ctime: 's64',
  atimensec: 'u32', mtimensec: 'u32', ctimensec: 'u32', mode: 'u32', nlink: 'u32', uid: 'u32', gid: 'u32', rdev: 'u32',
  blksize: 'u32', flags: 'u32',
} as const
export const attr = structure(attrFields)

export const entryOut = structure({
  nodeid: 'u64', generation: 'u64', entryValid: 'u64', attrValid: 'u64', entryValidNsec: 'u32', attrValidNsec: 'u32',
  ...attrFields,
})
export const attrOut = structure({ attrValid: 'u64', attrValidNsec: 'u32', dummy: 'u32', ...attrFields })

export const initIn = structure({ major: 'u32', minor: 'u32', maxReadahead: 'u32', flags: 'u32' })
export const initOut = structure({
  major: 'u32', minor: 'u32', maxReadahead: 'u32', flags: 'u32', maxBackground: 'u16', congestionThreshold: 'u16',
  maxWrite: 'u32', timeGran: 'u32', maxPages: 'u16', mapAlignment: 'u16', flags2: 'u32',
  unused0: 'u32', unused1: 'u64', unused2: 'u64', unused3: 'u64',
})

export const forgetIn = structure({ nlookup: 'u64' })
export const batchForgetIn = structure({ count: 'u32', dummy: 'u32' })
export const forgetOne = structure({ nodeid: 'u64', nlookup: 'u64' })
export const interruptIn = structure({ unique: 'u64' })

export const getattrIn = structure({ getattrFlags: 'u32', dummy: 'u32', fh: 'u64' })
export const setattrIn = structure({
  valid: 'u32', padding: 'u32', fh: 'u64', size: 'u64', lockOwner: 'u64', atime: 's64', mtime: 's64', ctime: 's64',
  atimensec: 'u32', mtimensec: 'u32', ctimensec: 'u32', mode: 'u32', unused4: 'u32', uid: 'u32', gid: 'u32', unused5: 'u32',
})

export const mknodIn = structure({ mode: 'u32', rdev: 'u32', umask: 'u32', padding: 'u32' })
export const mkdirIn = structure({ mode: 'u32', umask: 'u32' })
export const renameIn = structure({ newdir: 'u64' })
export const rename2In = structure({ newdir: 'u64', flags: 'u32', padding: 'u32' })
export const linkIn = structure({ oldnodeid: 'u64' })

export const openIn = structure({ flags: 'u32', openFlags: 'u32' })
export const createIn = structure({ flags: 'u32', mode: 'u32', umask: 'u32', openFlags: 'u32' })
export const openOut = structure({ fh: 'u64', openFlags: 'u32', padding: 'u32' })
export const releaseIn = structure({ fh: 'u64', flags: 'u32', releaseFlags: 'u32', lockOwner: 'u64' })
export const flushIn = structure({ fh: 'u64', unused: 'u32', padding: 'u32', lockOwner: 'u64' })
export const fsyncIn = structure({ fh: 'u64', fsyncFlags: 'u32', padding: 'u32' })

export const readIn = structure({
  fh: 'u64', offset: 'u64', size: 'u32', readFlags: 'u32', lockOwner: 'u64', flags: 'u32', padding: 'u32',
})
export const writeIn = structure({
  fh: 'u64', offset: 'u64', size: 'u32', writeFlags: 'u32', lockOwner: 'u64', flags: 'u32', padding: 'u32',
})
export const writeOut = structure({ size: 'u32', padding: 'u32' })
export const fallocateIn = structure({ fh: 'u64', offset: 'u64', length: 'u64', mode: 'u32', padding: 'u32' })
export const lseekIn = structure({ fh: 'u64', offset: 'u64', whence: 'u32', padding: 'u32' })
export const lseekOut = structure({ offset: 'u64' })
export const copyFileRangeIn = structure({
  fhIn: 'u64', offIn: 'u64', nodeidOut: 'u64', fhOut: 'u64', offOut: 'u64', len: 'u64', flags: 'u64',
})

/** The name follows, padded to 8 bytes. */
export const dirent = structure({ ino: 'u64', off: 'u64', namelen: 'u32', type: 'u32' })

export const statfsOut = structure({
  blocks: 'u64', bfree: 'u64', bavail: 'u64', files: 'u64', ffree: 'u64', bsize: 'u32', namelen: 'u32', frsize: 'u32',
  padding: 'u32', spare0: 'u64', spare1: 'u64', spare2: 'u64',
})

/** Without FUSE_SETXATTR_EXT the structure is these 8 bytes. */
export const setxattrIn = structure({ size: 'u32', flags: 'u32' })
export const getxattrIn = structure({ size: 'u32', padding: 'u32' })
export const getxattrOut = structure({ size: 'u32', padding: 'u32' })

export const notifyInvalInodeOut = structure({ ino: 'u64', off: 's64', len: 's64' })
export const notifyInvalEntryOut = structure({ parent: 'u64', namelen: 'u32', flags: 'u32' })
