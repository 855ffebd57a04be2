/** Numbers of Linux's system calls, the same on every architecture we run on. */
export const OpenFlags = {
  accessMask: 3, readOnly: 0, writeOnly: 1, exclusive: 0o200, truncate: 0o1000, append: 0o2000,
  /** Opened to be executed: the right to execute is enough to read it. Set by the kernel only. */
  execute: 0o40,
} as const

/** The type bits of st_mode. */
export const FileTypeBits = {
  mask: 0o170000, fifo: 0o010000, characterDevice: 0o020000, directory: 0o040000, blockDevice: 0o060000,
  file: 0o100000, symlink: 0o120000, socket: 0o140000,
} as const

export const ModeBits = {
  all: 0o7777, setUser: 0o4000, setGroup: 0o2000, groupExecute: 0o010, anyExecute: 0o111,
} as const

export const RenameFlags = { noReplace: 1, exchange: 2 } as const
export const AllocateFlags = { keepSize: 1, punchHole: 2, zeroRange: 16 } as const
export const Whence = { data: 3, hole: 4 } as const
export const XattrFlags = { create: 1, replace: 2 } as const
