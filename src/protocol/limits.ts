import assert from 'node:assert/strict'

const KiB = 1024
const MiB = 1024 * KiB

/** Every bound of the wire and of what it fills, in one place. */
export const limits = {
  /** One message, header and payload. */
  messageBytesMax: 5 * MiB,
  /** The msgpack part of a message. */
  headerBytesMax: 1 * MiB,
  /** Bytes of one push, one read or one commit that carries its bytes. */
  payloadBytesMax: 4 * MiB,
  /** A commit of at most this many bytes carries them itself instead of naming a push. */
  inlineBytesMax: 64 * KiB,
  /** Separate ranges that one commit may write. */
  extentsMax: 512,
  /** A checksum covers this many bytes of a chunk. */
  blockBytes: 64 * KiB,
  chunkBytesMin: 64 * KiB,
  chunkBytesMax: 1024 * MiB,
  replicasMax: 16,
  /** Inodes that one change of names can move on: two folders, what was moved, what was replaced. */
  touchedMax: 4,
  /** Changes by others that a client is told of; of more it is told that it knows nothing. */
  changesToldMax: 256,
  nameBytesMax: 255,
  pathBytesMax: 4096,
  symlinkBytesMax: 4095,
  xattrNameBytesMax: 255,
  xattrValueBytesMax: 64 * KiB,
  xattrListBytesMax: 64 * KiB,
  groupsMax: 1024,
  linksMax: 65_000,
  fileBytesMax: 2 ** 50,
  directoryPageMax: 4096,
  locatePageMax: 1024,
  trashPageMax: 1024,
  trashCursorBytesMax: 512,
  /** Files that one request takes out of the trash for good. */
  purgeMax: 128,
  /** Replicas in one page of a report: the master takes some ms for it. */
  reportPageMax: 1024,
  /** Calls of one peer that may wait for an answer at the same time; one more is refused. */
  callsInFlightMax: 4096,
  /** Pushed bytes a chunkserver holds for commits that have not come yet. */
  heldBytesMax: 256 * MiB,
  /** Dirty bytes a client keeps before it makes writers wait. */
  writeBehindBytesMax: 256 * MiB,
} as const

assert(limits.payloadBytesMax + 64 * KiB <= limits.messageBytesMax, 'a full payload and its header fit in one message')
assert(limits.headerBytesMax < limits.messageBytesMax, 'a full header fits in a message')
assert(limits.inlineBytesMax <= limits.payloadBytesMax, 'what travels with a commit is a payload')
assert(limits.payloadBytesMax <= limits.heldBytesMax, 'at least one push can be held')
assert.equal(limits.chunkBytesMin % limits.blockBytes, 0, 'chunks are made of whole blocks')
assert.equal(limits.chunkBytesMax % limits.blockBytes, 0, 'chunks are made of whole blocks')
