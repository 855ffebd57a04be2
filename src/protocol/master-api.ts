import { z } from 'zod'
import { defineApi, method } from './api.ts'
import { attributes, caller, fileType, mode, timeNs, userId } from './attributes.ts'
import { chunkLease, chunkLocation, serverAddress } from './chunks.ts'
import { chunkId, chunkIndex, chunkVersion, inodeId, serverId, sessionId, whole } from './identifiers.ts'
import { limits } from './limits.ts'
import { linkTarget, name, pathBytes, xattrName } from './names.ts'

const nothing = z.object({})
const sizeBytes = whole.max(limits.fileBytesMax)

/** Makes a mutation happen once, however often it is sent. */
export const stamp = z.object({
  session: sessionId,
  /** Counts the session's mutations from 1. */
  sequence: whole,
  /** The client has the answers to all below this one: they need not be remembered. */
  oldestWaiting: whole,
})
export type Stamp = z.infer<typeof stamp>

const mutating = { stamp, caller }

/** Inodes whose attributes a change of names has moved on, as they are when the answer leaves: nobody need ask for them. */
const touched = { touched: z.array(attributes).max(limits.touchedMax) }

export const newNode = z.discriminatedUnion('type', [
  z.object({ type: z.enum(['file', 'directory', 'fifo', 'socket']), mode }),
  z.object({ type: z.enum(['character-device', 'block-device']), mode, device: whole }),
  z.object({ type: z.literal('symlink'), target: linkTarget }),
])

const time = z.union([timeNs, z.literal('now')])

export const attributeChanges = z.object({
  mode: mode.optional(),
  uid: userId.optional(),
  gid: userId.optional(),
  sizeBytes: sizeBytes.optional(),
  accessedNs: time.optional(),
  modifiedNs: time.optional(),
})

const openOptions = {
  read: z.boolean(),
  write: z.boolean(),
  truncate: z.boolean(),
}

/** The requests that change state: each is journalled as it came, with what the leader decided beside it. */
export const masterMutations = {
  make: method(10, z.object({ ...mutating, parent: inodeId, name, node: newNode }), attributes.extend(touched)),
  link: method(11, z.object({ ...mutating, inode: inodeId, parent: inodeId, name }), attributes.extend(touched)),
  unlink: method(12, z.object({ ...mutating, parent: inodeId, name }), z.object(touched)),
  removeDirectory: method(13, z.object({ ...mutating, parent: inodeId, name }), z.object(touched)),
  rename: method(14, z.object({
    ...mutating,
    from: z.object({ parent: inodeId, name }),
    to: z.object({ parent: inodeId, name }),
    mode: z.enum(['replace', 'no-replace', 'exchange']),
  }), z.object(touched)),
  /** A new size drops the chunks behind it; the client has resized the last one before. */
  setAttributes: method(15, z.object({ ...mutating, inode: inodeId, changes: attributeChanges }), attributes),
  setXattr: method(16, z.object({
    ...mutating, inode: inodeId, name: xattrName, mode: z.enum(['any', 'create', 'replace']),
    value: z.instanceof(Uint8Array).refine(value => value.length <= limits.xattrValueBytesMax, 'value too long'),
  }), nothing),
  removeXattr: method(17, z.object({ ...mutating, inode: inodeId, name: xattrName }), nothing),
  /**
   * After bytes were written through an open handle: grows the size to at least `endBytes` and sets the time of the last
   * write. No permission is checked: opening did. `clearSetId`: the writer may not keep set-id bits.
   */
  settle: method(18, z.object({
    ...mutating, inode: inodeId, endBytes: sizeBytes, modifiedNs: time, clearSetId: z.boolean(),
    /** Some of the bytes went to the chunk that was made with the file: it is kept when the file is closed. */
    usedFirst: chunkId.optional(),
    /** The oldest version of a chunk under which bytes were written that this tells of. */
    oldestVersion: chunkVersion.optional(),
  }), attributes),
  /**
   * Opens a file, made first where it is missing; counts as one open like `open`. A new one that may be written mostly gets
   * its first chunk with it, and a lease; if nothing is written to that, it goes when the file is closed.
   */
  create: method(19, z.object({ ...mutating, parent: inodeId, name, mode, exclusive: z.boolean(), ...openOptions }),
    attributes.extend({ ...touched, lease: chunkLease.optional() })),
  /** Makes whole chunks holes: those of `first` to `first + count - 1`. */
  dropChunks: method(20, z.object({ ...mutating, inode: inodeId, first: chunkIndex, count: whole.max(2 ** 32) }), attributes),
  /** Gives a file in the trash a name again. */
  restore: method(21, z.object({ ...mutating, inode: inodeId, parent: inodeId, name }), attributes),
  /** Takes files out of the trash for good; those that are not there any more are passed over. */
  purge: method(22, z.object({ ...mutating, inodes: z.array(inodeId).max(limits.purgeMax) }),
    z.object({ files: whole, bytes: whole })),
}

/** A replica in an answer about one file. */
const replicaInfo = serverAddress.extend({
  version: chunkVersion,
  lengthBytes: whole,
  /** 'expected': a first lease runs, and the first write will make it. 'silent': its server does not answer. */
  state: z.enum(['good', 'expected', 'doubtful', 'corrupt', 'stale', 'silent']),
  /** Its server is being drained: it goes when another has been made. */
  draining: z.boolean(),
})

const serverStatus = serverAddress.extend({
  state: z.enum(['live', 'stale', 'dead']),
  /** It is to lose all that it has, and gets nothing new. */
  draining: z.boolean(),
  totalBytes: whole,
  freeBytes: whole,
  replicas: whole,
  heartbeatAgeMs: whole,
  /** Calls it was serving at its last heartbeat. */
  load: whole,
  diskFault: z.string(),
  /** Replicas it found corrupt, and calls that its disk failed, since its process began. */
  corruptFound: whole,
  diskFailures: whole,
})

const repairStatus = z.object({
  /** Chunks, by need: one good replica left or only doubtful ones; too few; too many; on a draining server; too close. */
  queued: z.object({ endangered: whole, underReplicated: whole, surplus: whole, leaving: whole, misplaced: whole }),
  running: whole,
  /** Whether all chunks have been judged since the master started: until then what is queued may be less than there is. */
  judged: z.boolean(),
  /** Since the master started. */
  copies: whole,
  copiedBytes: whole,
  /** Of the last seconds. */
  bytesPerSecond: whole,
})
export type RepairStatus = z.infer<typeof repairStatus>

/** 'off': nobody has begun since the master started. 'stuck': nothing that is left to move may move anywhere. */
const balanceState = z.enum(['off', 'running', 'balanced', 'stuck', 'stopped'])

/** A part of a whole, 0 to 1. */
const share = z.number().min(0).max(1)

const balanceStatus = z.object({
  state: balanceState,
  /** How far from the mean a server's used share may be. */
  threshold: share,
  rateBytes: whole,
  /** Of all disks that take part. */
  mean: share,
  /** It stands back until chunks that lack replicas have them. */
  waitsForRepair: z.boolean(),
  /** `takesPart`: it is live, its disk works, and it is not being drained. */
  servers: z.array(serverAddress.extend({ totalBytes: whole, usedBytes: whole, share, takesPart: z.boolean() })),
  /** Moves under way, and what has been moved since the order was given; bytes per second of the last seconds. */
  running: whole,
  movedChunks: whole,
  movedBytes: whole,
  bytesPerSecond: whole,
  /** Has to move at least until every server is within the threshold. */
  leftBytes: whole,
  /** Since the order was given, until it ended. */
  tookMs: whole,
})

/** A file in the trash. */
const trashedFile = z.object({
  inode: inodeId,
  /** Its last path; one that does not begin with a slash was too long and has lost its front. */
  path: pathBytes,
  sizeBytes: whole,
  uid: userId,
  gid: userId,
  deletedBy: userId,
  deletedNs: timeNs,
  expiresNs: timeNs,
})
export type TrashedFile = z.infer<typeof trashedFile>

/** What the master offers to clients. */
export const masterApi = defineApi('master', {
  ...masterMutations,

  /** Starts a session, or takes up one after a lost connection, with what it has open. @throws 'session-expired' */
  startSession: method(40, z.object({
    resume: sessionId.optional(),
    open: z.array(z.object({ inode: inodeId, count: whole })).max(100_000),
    /** The client's machine, for placing and for choosing near replicas. */
    host: z.string().max(255),
  }), z.object({ session: sessionId, keepAliveMs: whole, cacheMs: whole })),
  keepAlive: method(41, z.object({ session: sessionId }), nothing),
  endSession: method(42, z.object({ session: sessionId }), nothing),

  lookup: method(50, z.object({ parent: inodeId, name, caller }), attributes),
  attributes: method(51, z.object({ inode: inodeId }), attributes),
  readLink: method(52, z.object({ inode: inodeId }), z.object({ target: linkTarget })),
  /** Entries behind `after` in the directory's fixed order. */
  readDirectory: method(53, z.object({
    inode: inodeId, after: name.optional(), limit: whole.min(1).max(limits.directoryPageMax), caller,
  }), z.object({ entries: z.array(z.object({ name, attributes })).max(limits.directoryPageMax), complete: z.boolean() })),
  parentOf: method(54, z.object({ directory: inodeId }), z.object({ parent: inodeId })),
  getXattr: method(55, z.object({ inode: inodeId, name: xattrName, caller }), z.object({ value: z.instanceof(Uint8Array) })),
  listXattrs: method(56, z.object({ inode: inodeId }), z.object({ names: z.array(xattrName) })),
  totals: method(57, nothing, z.object({ totalBytes: whole, freeBytes: whole, files: whole })),
  /**
   * Files in the trash that the caller owns, or all for root: those that had the path or, as a tree, lay below it too; ''
   * stands for all. Ordered by path, the latest of each first; goes on at `next` until there is none.
   */
  listTrash: method(58, z.object({
    path: pathBytes, scope: z.enum(['path', 'tree']), limit: whole.min(1).max(limits.trashPageMax), caller,
    after: z.instanceof(Uint8Array).refine(value => value.length <= limits.trashCursorBytesMax, 'cursor too long').optional(),
  }), z.object({
    files: z.array(trashedFile).max(limits.trashPageMax), nowNs: timeNs, next: z.instanceof(Uint8Array).optional(),
  })),
  /** One of them; nothing where there is none that the caller may see. */
  trashed: method(59, z.object({ inode: inodeId, caller }), z.object({ file: trashedFile.optional() })),

  /** Checks permission and keeps the inode alive for the session until `close`; each open counts. Not journalled. */
  open: method(60, z.object({ session: sessionId, inode: inodeId, caller, read: z.boolean(), write: z.boolean() }),
    // The first chunk's location spares whoever reads a small file a question.
    attributes.extend({ first: chunkLocation.optional() })),
  /** Gives back opens. */
  close: method(61, z.object({
    session: sessionId, handles: z.array(z.object({ inode: inodeId, count: whole })).max(4_096),
  }), nothing),

  /** The chunks of a range; an index that is missing is a hole. */
  locate: method(70, z.object({
    session: sessionId, inode: inodeId, first: chunkIndex, count: whole.min(1).max(limits.locatePageMax),
  }), z.object({ chunks: z.array(chunkLocation).max(limits.locatePageMax) })),
  /**
   * Makes the chunk writable: allocates it where it is a hole, and sees to it that some replica holds a lease that does not
   * need the suspects. `known` is the version under which the client failed: a lease under a later one is answered as it is.
   */
  lease: method(71, z.object({
    stamp, inode: inodeId, index: chunkIndex, suspects: z.array(serverId).max(limits.replicasMax), known: chunkVersion.optional(),
  }), chunkLease),
  /** A replica did not match its checksums, or could not be read. */
  reportReplica: method(72, z.object({ chunk: chunkId, server: serverId, problem: z.enum(['corrupt', 'unreachable']) }), nothing),

  status: method(80, nothing, z.object({
    cluster: z.string(), version: z.string(), uptimeMs: whole,
    servers: z.array(serverStatus),
    inodes: whole, chunks: whole, underReplicated: whole, missing: whole, repairsRunning: whole, garbage: whole,
    repair: repairStatus,
    /** Replicas that are known to be corrupt and still there. */
    corrupt: whole,
    journalBytes: whole,
    /** The last one: journal entries up to `index` are in it. `ageMs` is missing where an earlier process made it. */
    checkpoint: z.object({ index: whole, ageMs: whole.optional() }),
    sessions: whole, replicas: whole, placement: z.string(),
    /** What is in the trash, and for how long removed files are kept there, in ms; 0: it is off. */
    trash: z.object({ files: whole, bytes: whole, keepMs: whole }),
    /** The longest time for which the master could not react to anybody, since it started. */
    longestPauseMs: whole,
    /** The longest time for which it was at work itself in one such pause. */
    longestWorkMs: whole,
    /** What an operator should know, in sentences. */
    remarks: z.array(z.string()),
  })),
  /** For retiring servers. */
  chunkservers: method(90, nothing, z.object({
    servers: z.array(serverStatus.extend({
      /** Of its replicas, as last reported. */
      replicaBytes: whole,
      /** Copies that it takes part in. */
      copies: whole,
      /** It has told of all its replicas, and none of them is left. */
      empty: z.boolean(),
    })),
  })),
  /** Moves everything off some servers, or (`cancel`) no longer. @throws 'invalid' those that stay cannot hold it */
  drain: method(91, z.object({ servers: z.array(serverId).min(1).max(1_000), cancel: z.boolean() }),
    z.object({ warnings: z.array(z.string()) })),
  /** Forgets a server that never comes back. @throws 'invalid' it is connected, or may have the only replica of something */
  forget: method(92, z.object({ server: serverId, force: z.boolean() }), nothing),
  /** How evenly full the servers are, and how evening that out gets on. */
  balance: method(93, nothing, balanceStatus),
  /** Begins to even it out, or goes on under another order. `rateBytes`: for each server, per second; 0 is no limit. */
  startBalance: method(94, z.object({ threshold: share.min(0.001), rateBytes: whole }), balanceStatus),
  stopBalance: method(95, nothing, balanceStatus),
  fileInfo: method(81, z.object({ inode: inodeId, first: chunkIndex, count: whole.min(1).max(limits.locatePageMax) }), z.object({
    type: fileType, sizeBytes: whole, chunkSizeBytes: whole,
    chunks: z.array(z.object({
      index: chunkIndex, chunk: chunkId, version: chunkVersion, primary: serverId.optional(), replicas: z.array(replicaInfo),
      /** Its replicas are being changed at this moment: in a moment they look otherwise. */
      changing: z.boolean(),
      /** Nothing was ever written to it, so that it needs no replicas. */
      blank: z.boolean(),
    })),
  })),
  /** Which replicas on a server belong to no chunk, and are not about to be dropped either. */
  orphans: method(82, z.object({
    server: serverId, replicas: z.array(z.object({ chunk: chunkId, version: chunkVersion })).max(limits.reportPageMax),
  }), z.object({ orphans: z.array(chunkId).max(limits.reportPageMax) })),
})

/** What others have changed, so that a client goes on believing nothing of it. */
const taken = z.object({
  /** All this happened before the master saw the client's call of this number, counted from 1 on this connection. */
  beforeCall: whole,
  /** More than can be told: what was learned before is good for its time, and no longer. */
  all: z.boolean(),
  /** Whose attributes have changed. */
  inodes: z.array(inodeId).max(limits.changesToldMax),
  entries: z.array(z.object({ parent: inodeId, name })).max(limits.changesToldMax),
})
export type Taken = z.infer<typeof taken>

/** What the master tells clients, over the connection that they dialled. */
export const clientApi = defineApi('client', {
  /** Before the answer to whatever the client asked next: what others have changed since it last asked. */
  changed: method(110, taken, nothing),
})

export type FileInfo = z.infer<typeof masterApi.methods.fileInfo.reply>
export type ChunkserverList = z.infer<typeof masterApi.methods.chunkservers.reply>
export type BalanceState = z.infer<typeof balanceState>
export type BalanceStatus = z.infer<typeof balanceStatus>
export type ClusterStatus = z.infer<typeof masterApi.methods.status.reply>
