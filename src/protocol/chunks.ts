import { z } from 'zod'
import { checksum } from './checksum.ts'
import { address, chunkId, chunkIndex, chunkVersion, pushId, serverId, whole } from './identifiers.ts'
import { limits } from './limits.ts'

/** A server as clients see it. */
export const serverAddress = z.object({
  server: serverId,
  address,
  /** Where it stands: servers of one rack may die together. */
  rack: z.string().max(255),
  /** The machine it runs on: a client on the same one reads from it first. */
  host: z.string().max(255),
})
export type ServerAddress = z.infer<typeof serverAddress>

/** Where the replicas of a chunk are, best first for the asker. */
export const chunkLocation = z.object({
  index: chunkIndex,
  chunk: chunkId,
  version: chunkVersion,
  replicas: z.array(serverAddress).max(limits.replicasMax),
  /** No server has told of its replica yet: where all say that they have none, nothing was ever acknowledged. */
  unproven: z.boolean().optional(),
})
export type ChunkLocation = z.infer<typeof chunkLocation>

/** A chunk that may be written: its primary holds a lease. */
export const chunkLease = chunkLocation.extend({
  primary: serverId,
  /** Under which replicas were taken that may lack what was written before and not synced. */
  lossVersion: chunkVersion.optional(),
})
export type ChunkLease = z.infer<typeof chunkLease>

/** Bytes of a mutation that go to one place; the bytes of all extents follow one another in the payload. */
export const extent = z.object({
  offsetBytes: whole.max(limits.chunkBytesMax),
  lengthBytes: whole.max(limits.payloadBytesMax),
})
export type Extent = z.infer<typeof extent>

/** One change of a chunk, atomic in the order that its primary gives all changes. */
export const mutation = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('write'), extents: z.array(extent).min(1).max(limits.extentsMax) }),
  /** The primary chooses the offset: the end of the chunk. What does not fit is not written. */
  z.object({ kind: z.literal('append') }),
  /** Sets the chunk's length; what it gains reads as zeros. */
  z.object({ kind: z.literal('resize'), lengthBytes: whole.max(limits.chunkBytesMax) }),
])
export type Mutation = z.infer<typeof mutation>

/** A change whose place has been chosen: what secondaries apply. */
export const placedMutation = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('write'), extents: z.array(extent).min(1).max(limits.extentsMax) }),
  z.object({ kind: z.literal('resize'), lengthBytes: whole.max(limits.chunkBytesMax) }),
])
export type PlacedMutation = z.infer<typeof placedMutation>

/** Where a mutation's bytes are: pushed before, or beside the message, or it has none. */
export const source = z.discriminatedUnion('from', [
  z.object({ from: z.literal('push'), push: pushId }),
  z.object({ from: z.literal('payload'), checksum }),
  z.object({ from: z.literal('nothing') }),
])
export type Source = z.infer<typeof source>

/** What identifies a replica beyond its id, kept beside its bytes so that a namespace could be rebuilt from them. */
export const chunkOrigin = z.object({
  inode: whole,
  index: whole,
  chunkSizeBytes: whole.min(limits.chunkBytesMin).max(limits.chunkBytesMax),
})
export type ChunkOrigin = z.infer<typeof chunkOrigin>

/** A replica as its server reports it. */
export const replicaReport = z.object({
  chunk: chunkId,
  version: chunkVersion,
  lengthBytes: whole.max(limits.chunkBytesMax),
  /** 'doubtful': after a power cut it may lack bytes that were acknowledged but not synced. */
  state: z.enum(['good', 'doubtful', 'corrupt']),
  /** A mutation may be in this one and not in others of its version, or the other way round, until the next fence. */
  uneven: z.boolean().optional(),
})
export type ReplicaReport = z.infer<typeof replicaReport>

/** What makes a chunk the same on two servers: length and checksums, boiled down. */
export const replicaDigest = z.object({ lengthBytes: whole, tableChecksum: checksum })
export type ReplicaDigest = z.infer<typeof replicaDigest>

