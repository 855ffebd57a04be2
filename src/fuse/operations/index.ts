import { Opcode } from '../kernel/messages.ts'
import type { Operation } from '../operation.ts'
import { copyFileRange } from './copy-file-range.ts'
import { create } from './create.ts'
import { fallocate } from './fallocate.ts'
import { flush } from './flush.ts'
import { fsync, fsyncdir } from './fsync.ts'
import { getattr } from './getattr.ts'
import { getxattr } from './getxattr.ts'
import { link } from './link.ts'
import { listxattr } from './listxattr.ts'
import { lookup } from './lookup.ts'
import { lseek } from './lseek.ts'
import { mkdir } from './mkdir.ts'
import { mknod } from './mknod.ts'
import { open } from './open.ts'
import { opendir, releasedir } from './opendir.ts'
import { read } from './read.ts'
import { readdir, readdirplus } from './readdir.ts'
import { readlink } from './readlink.ts'
import { release } from './release.ts'
import { removexattr } from './removexattr.ts'
import { rename, rename2 } from './rename.ts'
import { rmdir } from './rmdir.ts'
import { setattr } from './setattr.ts'
import { setxattr } from './setxattr.ts'
import { statfs } from './statfs.ts'
import { symlink } from './symlink.ts'
import { unlink } from './unlink.ts'
import { write } from './write.ts'

/** Which operation serves which request. The kernel hears ENOSYS for all others, and mostly does not ask again. */
export const operations: ReadonlyMap<number, Operation> = new Map([
  [Opcode.lookup, lookup],
  [Opcode.getattr, getattr],
  [Opcode.setattr, setattr],
  [Opcode.readlink, readlink],
  [Opcode.symlink, symlink],
  [Opcode.mknod, mknod],
  [Opcode.mkdir, mkdir],
  [Opcode.unlink, unlink],
  [Opcode.rmdir, rmdir],
  [Opcode.rename, rename],
  [Opcode.rename2, rename2],
  [Opcode.link, link],
  [Opcode.open, open],
  [Opcode.create, create],
  [Opcode.read, read],
  [Opcode.write, write],
  [Opcode.flush, flush],
  [Opcode.release, release],
  [Opcode.fsync, fsync],
  [Opcode.opendir, opendir],
  [Opcode.readdir, readdir],
  [Opcode.readdirplus, readdirplus],
  [Opcode.releasedir, releasedir],
  [Opcode.fsyncdir, fsyncdir],
  [Opcode.getxattr, getxattr],
  [Opcode.listxattr, listxattr],
  [Opcode.setxattr, setxattr],
  [Opcode.removexattr, removexattr],
  [Opcode.statfs, statfs],
  [Opcode.fallocate, fallocate],
  [Opcode.lseek, lseek],
  [Opcode.copyFileRange, copyFileRange],
])
