import type { ReplyOf, RequestOf } from '../protocol/api.ts'
import type { ChunkId, ChunkIndex, ChunkVersion, InodeId, ServerId, SessionId } from '../protocol/identifiers.ts'
import type { masterMutations, Stamp } from '../protocol/master-api.ts'

type ClientMutations = typeof masterMutations
type Nothing = Record<string, never>

/** Entries that the master writes on its own account, or for a client's read-like call. */
interface InternalEntries {
  /** Gives a file the chunk of an index; the one it has, where it has one. */
  allocateChunk: {
    request: { stamp: Stamp, inode: InodeId, index: ChunkIndex }
    reply: { chunk: ChunkId, version: ChunkVersion, created: boolean }
  }
  /**
   * Raises a chunk's version; nothing happens where the chunk is gone or has a later one. `doubtful`: its replicas may lack
   * what was written before and not synced.
   */
  setChunkVersion: { request: { chunk: ChunkId, version: ChunkVersion, doubtful: boolean }, reply: { applied: boolean } }
  /** Versions below `upTo` may be handed out without asking the journal again. */
  reserveVersions: { request: { upTo: ChunkVersion }, reply: Nothing }
  /** Servers that are to lose all that they have, or no longer. */
  setDraining: { request: { servers: ServerId[], draining: boolean }, reply: Nothing }
  startSession: { request: { host: string }, reply: { session: SessionId } }
  endSession: { request: { session: SessionId }, reply: Nothing }
  /** The first entry of all: makes the root directory. */
  makeRoot: { request: Nothing, reply: Nothing }
  /** Removes the chunks that cuts have hidden, a bounded number at a time. */
  trim: { request: { inodes: InodeId[] }, reply: { unfinished: InodeId[] } }
  /**
   * Removes what nobody holds: files without names, a bounded number of chunks at a time, and of others the chunk that was
   * made with them and that nobody has written to.
   */
  collect: { request: { inodes: InodeId[] }, reply: { unfinished: InodeId[] } }
  /** Gives up what writers have left behind the end of a file: see namespace/cut-tail.ts. */
  cutTail: { request: { inode: InodeId, version: ChunkVersion }, reply: Nothing }
  /** Takes files out of the trash whose time has come, at most so many. */
  expireTrash: { request: { limit: number }, reply: Nothing }
}

export type ClientKind = keyof ClientMutations
export type EntryKind = ClientKind | keyof InternalEntries

export type EntryRequest<Kind extends EntryKind> =
  Kind extends ClientKind ? RequestOf<ClientMutations[Kind]>
    : Kind extends keyof InternalEntries ? InternalEntries[Kind]['request'] : never

/** Clients are also told of what an entry touched, and of a lease, as they are then: those are no part of its outcome. */
type OutcomeOf<Reply> = Exclude<keyof Reply, Later> extends never ? Nothing : Omit<Reply, Later>
type Later = 'touched' | 'lease'

export type EntryReply<Kind extends EntryKind> =
  Kind extends ClientKind ? OutcomeOf<ReplyOf<ClientMutations[Kind]>>
    : Kind extends keyof InternalEntries ? InternalEntries[Kind]['reply'] : never

/** What the leader chose before the entry was journalled, so that applying it is the same everywhere and every time. */
export interface Decided {
  /** The time for every timestamp the entry sets. */
  readonly atNs: bigint
  /** A new inode, chunk or session, whichever the entry may make. */
  readonly newId: number
  /** The version of a new chunk. */
  readonly version: number
  /** The chunk that is made with a new file; 0 for none. */
  readonly newChunk: number
  /** Chunk size of a new file. */
  readonly chunkSizeBytes: number
  /** How long a file that this removes stays in the trash, in ms; 0: it does not go there. */
  readonly trashMs: number
}

export interface Entry<Kind extends EntryKind = EntryKind> {
  readonly kind: Kind
  readonly request: EntryRequest<Kind>
  readonly decided: Decided
}

/** What applying entries means for the world outside the state. */
export interface Effects {
  /** Chunks that are part of no file any more. */
  freed: ChunkId[]
  /** Files that have lost their last name. */
  orphaned: InodeId[]
  /** Files of which a cut has left chunks to be removed. */
  trimmed: InodeId[]
}
