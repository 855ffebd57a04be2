import type { Attributes, FileType } from '../protocol/attributes.ts'
import type { InodeId } from '../protocol/identifiers.ts'
import { attrOut, entryOut, ROOT_NODE } from './kernel/messages.ts'
import { FileTypeBits } from './linux.ts'
import type { Mount, Reply } from './operation.ts'

/** The type bits of st_mode. */
export const typeBits: Readonly<Record<FileType, number>> = {
  file: FileTypeBits.file,
  directory: FileTypeBits.directory,
  symlink: FileTypeBits.symlink,
  fifo: FileTypeBits.fifo,
  socket: FileTypeBits.socket,
  'character-device': FileTypeBits.characterDevice,
  'block-device': FileTypeBits.blockDevice,
}

/** What stat(2) calls the preferred size of a read or write. */
const BLOCK_BYTES = 4096
const SECTOR_BYTES = 512
const NS = 1_000_000_000n

/** The number the kernel knows an inode by. */
export function nodeOf(root: InodeId, inode: InodeId): number {
  return inode === root ? ROOT_NODE : inode
}

/** Whole seconds (rounded down, also before 1970) and the rest. */
export function splitTime(ns: bigint): { seconds: number, nanoseconds: number } {
  let seconds = ns / NS
  let rest = ns % NS
  if (rest < 0n) {
    seconds -= 1n
    rest += NS
  }
  return { seconds: Number(seconds), nanoseconds: Number(rest) }
}

export function joinTime(seconds: number, nanoseconds: number): bigint {
  return BigInt(seconds) * NS + BigInt(nanoseconds)
}

function attrOf(attributes: Attributes) {
  const accessed = splitTime(attributes.accessedNs)
  const modified = splitTime(attributes.modifiedNs)
  const changed = splitTime(attributes.changedNs)
  return {
    ino: attributes.inode,
    size: attributes.sizeBytes,
    blocks: Math.ceil(attributes.allocatedBytes / SECTOR_BYTES),
    atime: accessed.seconds,
    atimensec: accessed.nanoseconds,
    mtime: modified.seconds,
    mtimensec: modified.nanoseconds,
    ctime: changed.seconds,
    ctimensec: changed.nanoseconds,
    mode: typeBits[attributes.type] | attributes.mode,
    nlink: attributes.links,
    uid: attributes.uid,
    gid: attributes.gid,
    rdev: attributes.device,
    blksize: BLOCK_BYTES,
  }
}

function validity(mount: Mount): { seconds: number, nanoseconds: number } {
  return { seconds: Math.floor(mount.fileSystem.cacheMs / 1000), nanoseconds: (mount.fileSystem.cacheMs % 1000) * 1_000_000 }
}

/** Answers with attributes of an inode that the kernel has. */
export function attributesReply(mount: Mount, attributes: Attributes): Reply | Promise<Reply> {
  const reply = (): Reply => {
    const { seconds, nanoseconds } = validity(mount)
    return { parts: [attrOut.encode({ attrValid: seconds, attrValidNsec: nanoseconds, ...attrOf(attributes) })] }
  }
  const invalidation = mount.cache.told(attributes)
  return invalidation === undefined ? reply() : invalidation.then(reply)
}

/** Answers with an entry: from now on the kernel holds the inode, until it forgets it. */
export function entryReply(mount: Mount, attributes: Attributes): Reply | Promise<Reply> {
  const reply = (): Reply => {
    const entry = Buffer.allocUnsafe(entryOut.sizeBytes)
    encodeEntry(mount, attributes, entry, 0)
    return { parts: [entry], unanswered: () => { mount.cache.forget(attributes.inode, 1) } }
  }
  const invalidation = mount.cache.looked(attributes)
  return invalidation === undefined ? reply() : invalidation.then(reply)
}

/** The bytes of an entry; whoever sends it tells the cache. */
export function encodeEntry(mount: Mount, attributes: Attributes, into: Buffer, at: number): void {
  const { seconds, nanoseconds } = validity(mount)
  entryOut.encodeInto(into, at, {
    nodeid: nodeOf(mount.root, attributes.inode),
    entryValid: seconds,
    entryValidNsec: nanoseconds,
    attrValid: seconds,
    attrValidNsec: nanoseconds,
    ...attrOf(attributes),
  })
}
