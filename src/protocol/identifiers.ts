import { z } from 'zod'

/** A whole number, exact in a double. */
export const whole = z.int().min(0)

/** An inode; the root directory is 1. Never used again. */
export const inodeId = whole.brand('InodeId')
export type InodeId = z.infer<typeof inodeId>
export const ROOT_INODE = 1 as InodeId

/** A chunk, for ever; never used again. */
export const chunkId = whole.brand('ChunkId')
export type ChunkId = z.infer<typeof chunkId>

/** Rises with every lease grant, and jumps: versions come from one counter of the cluster. */
export const chunkVersion = whole.brand('ChunkVersion')
export type ChunkVersion = z.infer<typeof chunkVersion>

/** Which chunk of its file, from 0. */
export const chunkIndex = whole.brand('ChunkIndex')
export type ChunkIndex = z.infer<typeof chunkIndex>

/** A chunkserver, for ever: drawn once when its folder is first used. */
export const serverId = whole.brand('ServerId')
export type ServerId = z.infer<typeof serverId>

/** One connected client, from its first call until it says goodbye or expires. */
export const sessionId = whole.brand('SessionId')
export type SessionId = z.infer<typeof sessionId>

/** Names pushed bytes until a commit uses them; drawn by the client. */
export const pushId = whole.brand('PushId')
export type PushId = z.infer<typeof pushId>

/** Names one mutation of a chunk, so that repeating it does it once; drawn by the client. */
export const commitId = whole.brand('CommitId')
export type CommitId = z.infer<typeof commitId>

/** The place of a mutation in the order that the primary gave the chunk's mutations. */
export const serialNumber = whole.brand('SerialNumber')
export type SerialNumber = z.infer<typeof serialNumber>

export const clusterId = z.uuid().brand('ClusterId')
export type ClusterId = z.infer<typeof clusterId>

/** HOST:PORT. */
export const address = z.string().min(3).max(300).regex(/^.+:\d{1,5}$/)

/** Which chunk of a file an offset falls into. */
export function chunkIndexAt(offsetBytes: number, chunkSizeBytes: number): ChunkIndex {
  return Math.floor(offsetBytes / chunkSizeBytes) as ChunkIndex
}
