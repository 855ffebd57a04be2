import { z } from 'zod'
import { defineApi, method } from './api.ts'
import { checksum } from './checksum.ts'
import {
  chunkOrigin, extent, mutation, placedMutation, replicaDigest, replicaReport, serverAddress, source,
} from './chunks.ts'
import { address, chunkId, chunkVersion, commitId, pushId, serialNumber, serverId, whole } from './identifiers.ts'
import { limits } from './limits.ts'

const nothing = z.object({})
const replica = { chunk: chunkId, version: chunkVersion }
const lengthBytes = whole.max(limits.payloadBytesMax)

/** How a mutation went. Anything but 'done' leaves it to be repeated, under the same id, after a new lease. */
export const commitOutcome = z.discriminatedUnion('outcome', [
  z.object({
    outcome: z.literal('done'),
    serial: serialNumber,
    /** Where the bytes went: for an append, where the primary put them. */
    offsetBytes: whole,
    /** Bytes written: less than given when an append reached the end of the chunk. */
    writtenBytes: whole,
    /** Length of the chunk afterwards. */
    lengthBytes: whole,
  }),
  z.object({ outcome: z.literal('replicas-failed'), servers: z.array(serverId).max(limits.replicasMax) }),
])
export type CommitOutcome = z.infer<typeof commitOutcome>

/** How the scrubber of a chunkserver gets on. Times are ms since 1970; the counts are those of the running pass. */
const scrubStatus = z.object({
  /** 'off': passes are made only when asked for, and none is. */
  state: z.enum(['running', 'waiting', 'off']),
  periodMs: whole,
  /** Its ceiling, in bytes per second. */
  bytesPerS: whole,
  startedMs: whole.optional(),
  checked: whole,
  checkedBytes: whole,
  leftBytes: whole,
  /** Replicas that a writer had open when their turn came. */
  skipped: whole,
  errors: whole,
  last: z.object({
    startedMs: whole, endedMs: whole, checked: whole, checkedBytes: whole, skipped: whole, errors: whole,
  }).optional(),
})
export type ScrubStatus = z.infer<typeof scrubStatus>

/** What chunkservers offer to clients, and to one another. */
export const chunkserverApi = defineApi('chunkserver', {
  /**
   * Holds bytes for a commit and passes them along the chain, here first. Answered when all servers of the chain hold them;
   * `failed` names those that do not: who broke the chain, and all behind it. `busy`: the first of them lives, and has no
   * room for now.
   */
  push: method(200, z.object({
    push: pushId, checksum, chain: z.array(serverAddress).max(limits.replicasMax),
  }), z.object({ failed: z.array(serverId).max(limits.replicasMax), busy: z.literal(true).optional() }), 'request'),

  /** To the primary: orders and applies a mutation everywhere; with `sync`, does after that what {@link sync} does. */
  commit: method(201, z.object({ ...replica, commit: commitId, mutation, source, sync: z.boolean() }), commitOutcome, 'request'),

  /** To the primary: all replicas have everything committed so far on stable storage. Fails like a commit. */
  sync: method(202, z.object(replica), z.discriminatedUnion('outcome', [
    z.object({ outcome: z.literal('done') }),
    z.object({ outcome: z.literal('replicas-failed'), servers: z.array(serverId).max(limits.replicasMax) }),
  ])),

  /**
   * Reads a range, verified against the stored checksums; shorter only where the replica ends. `checksum` covers the payload.
   * A newer version than asked for is served, an older one refused with 'stale-replica'.
   */
  read: method(203, z.object({ ...replica, offsetBytes: whole, lengthBytes }),
    z.object({ checksum, version: chunkVersion, replicaLengthBytes: whole }), 'reply'),

  /** What `dfs info` and fsck show. `verify` reads and checks every block. */
  inspect: method(204, z.object({ chunk: chunkId, verify: z.boolean() }), replicaReport),
})

/** What operators ask of a chunkserver. */
export const chunkserverAdminApi = defineApi('chunkserver-admin', {
  scrubStatus: method(210, nothing, scrubStatus),
  /** Begins a pass over all replicas at once, in place of one under way. `bytesPerS`: instead of the usual ceiling. */
  startScrub: method(211, z.object({ bytesPerS: whole.min(1).optional() }), scrubStatus),

  /** What this server has, in the order of the chunks' ids: those behind `after`. */
  listReplicas: method(212, z.object({ after: chunkId.optional(), limit: whole.min(1).max(limits.reportPageMax) }),
    z.object({ replicas: z.array(replicaReport).max(limits.reportPageMax), complete: z.boolean() })),
})

/** What chunkservers ask of one another to keep replicas alike. */
export const chunkserverPeerApi = defineApi('chunkserver-peer', {
  /**
   * From the primary: applies a mutation under its number; numbers of one version come without gaps, from 1. `create`: the
   * chunk is new under this version, so that a missing replica is made by number 1. `sync`: answered when the replica is on
   * stable storage, with that mutation and all before it.
   */
  apply: method(220, z.object({
    ...replica, origin: chunkOrigin, create: z.boolean(), commit: commitId, serial: serialNumber, mutation: placedMutation, source,
    sync: z.boolean(),
  }), nothing, 'request'),

  /** From the primary: syncs this replica. */
  syncReplica: method(221, z.object(replica), nothing),

  /** The checksum of every block, and the length. */
  checksums: method(222, z.object(replica), z.object({
    lengthBytes: whole, blocks: z.array(checksum).max(limits.chunkBytesMax / limits.blockBytes),
  })),

  /** From a primary that reconciles: overwrites ranges of a fenced replica, made if missing, and sets its length. */
  patch: method(223, z.object({
    ...replica, origin: chunkOrigin, lengthBytes: whole, extents: z.array(extent).max(limits.extentsMax), checksum,
    /** No more patches follow: the replica is alike now, is made durable, and counts as one of that version. */
    last: z.boolean(),
  }), nothing, 'request'),
})

/** What the master asks of chunkservers, over the connection that they dialled. */
export const chunkControlApi = defineApi('chunk-control', {
  /**
   * Ends any lease of the chunk here, waits for mutations under way, and durably moves the replica to the version:
   * mutations under older ones are refused from then on. `rememberedSince`: the server knows all mutations applied here
   * under that version and later ones, so that it recognises those that are repeated.
   */
  fence: method(240, z.object(replica), z.object({
    ...replicaDigest.shape, state: z.enum(['good', 'doubtful']), rememberedSince: chunkVersion,
  })),

  /**
   * To the primary to be, after a fence: makes the peers' replicas like its own. `failed` could not be. `cutBytes`: its own is
   * cut to this length first, where it is longer, and made durable.
   */
  reconcile: method(241, z.object({
    ...replica, peers: z.array(serverAddress).max(limits.replicasMax), cutBytes: whole.optional(),
  }),
    z.object({ failed: z.array(serverId).max(limits.replicasMax) })),

  /** Makes the server the chunk's primary. `create`: there are no replicas yet, the first mutation makes them. */
  grant: method(242, z.object({
    ...replica, origin: chunkOrigin, peers: z.array(serverAddress).max(limits.replicasMax), leaseMs: whole, create: z.boolean(),
  }), nothing),

  /** Ends a lease early, once the mutations under way are done. */
  revoke: method(243, z.object(replica), nothing),

  /**
   * Fetches a replica of a fenced or unleased chunk from another server, verified, and makes it durable. `rateBytes`: at
   * most so many bytes per second.
   */
  copy: method(244, z.object({
    ...replica, origin: chunkOrigin, from: z.object({ server: serverId, address }), rateBytes: whole.min(1).optional(),
  }), z.object({ lengthBytes: whole })),

  /** Removes replicas, whatever their version up to the one given. `kept` are newer than that. */
  drop: method(245, z.object({ chunks: z.array(z.object(replica)).max(limits.reportPageMax) }),
    z.object({ kept: z.array(replicaReport).max(limits.reportPageMax) })),

  /** The replica is a member of that version: what a power cut took from it, if anything, is not part of the chunk. */
  accept: method(246, z.object(replica), nothing),
})

/** What chunkservers tell the master. */
export const chunkserverRegistryApi = defineApi('chunkserver-registry', {
  /** The first call on a connection. @throws 'invalid' another running server has this id */
  register: method(260, z.object({
    server: serverId, address, rack: z.string().max(255), host: z.string().max(255),
    totalBytes: whole, freeBytes: whole,
    /** Another one than last time: its machine may have lost what was not synced. */
    boot: z.string().max(100),
  }), z.object({ heartbeatMs: whole })),

  /** All replicas, in pages; the master drops from its table what is in none of them once the last has come. */
  report: method(261, z.object({
    replicas: z.array(replicaReport).max(limits.reportPageMax), first: z.boolean(), last: z.boolean(),
  }), nothing),

  /** Every few seconds, and at once when there is something to report. */
  heartbeat: method(262, z.object({
    totalBytes: whole, freeBytes: whole,
    /** Calls being served, as a measure of load. */
    load: whole,
    /** Why the disk takes no writes, empty while it does. */
    diskFault: z.string().max(1_000),
    /** Replicas found corrupt, and calls that the disk has failed, since this process began. */
    corruptFound: whole,
    diskFailures: whole,
    /** Replicas that came, changed state or were found corrupt since the last heartbeat. */
    changed: z.array(replicaReport).max(limits.reportPageMax),
    gone: z.array(chunkId).max(limits.reportPageMax),
    /** Leases used since the last heartbeat. */
    renew: z.array(z.object(replica)).max(limits.reportPageMax),
  }), z.object({
    /** Leases of `renew` that go on for another full term. */
    renewed: z.array(chunkId).max(limits.reportPageMax),
  })),
})
