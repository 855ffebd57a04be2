import { z } from 'zod'
import { inodeId, whole } from './identifiers.ts'
import { limits } from './limits.ts'

export const fileTypes = [
  'file', 'directory', 'symlink', 'fifo', 'socket', 'character-device', 'block-device',
] as const
export const fileType = z.enum(fileTypes)
export type FileType = z.infer<typeof fileType>

/** Nanoseconds since 1970, negative before. */
export const timeNs = z.bigint().min(-(2n ** 63n)).max(2n ** 63n - 1n)

/** Permission bits with set-id and sticky: 0 to 0o7777. */
export const mode = z.int().min(0).max(0o7777)
export const userId = z.int().min(0).max(0xffff_ffff)

/** What stat(2) tells of an inode, and a little more. */
export const attributes = z.object({
  inode: inodeId,
  type: fileType,
  mode,
  links: whole,
  uid: userId,
  gid: userId,
  /** Device number of a device node as the kernel encodes it, 0 for all else. */
  device: whole,
  sizeBytes: whole,
  /** Bytes of the chunks that exist: less than the size in sparse files. */
  allocatedBytes: whole,
  accessedNs: timeNs,
  modifiedNs: timeNs,
  changedNs: timeNs,
  /** Rises with every change of the contents: a cache filled under another number is stale. */
  contentVersion: whole,
  /** Size of a file's chunks, fixed when it was created. */
  chunkSizeBytes: whole,
  /** Whether it has extended attributes. */
  hasXattrs: z.boolean(),
})
export type Attributes = z.infer<typeof attributes>

/** On whose behalf a request is made; permissions are checked against it. */
export const caller = z.object({
  uid: userId,
  gid: userId,
  /** Supplementary groups. */
  groups: z.array(userId).max(limits.groupsMax),
})
export type Caller = z.infer<typeof caller>

export const superuser: Caller = { uid: 0, gid: 0, groups: [] }
