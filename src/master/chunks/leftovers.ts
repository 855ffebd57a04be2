import { chunkControlApi } from '../../protocol/chunkserver-api.ts'
import { asDfsError } from '../../protocol/errors.ts'
import type { ChunkId, InodeId } from '../../protocol/identifiers.ts'
import { bounds } from '../config.ts'
import type { Replica } from '../replicas/replica.ts'
import { agree, isCurrent, neverWritten } from './agree.ts'
import type { ChunkParts } from './parts.ts'
import type { ChunkRecord } from './table.ts'

/** Cutting the replicas of one chunk, in ms: writers wait for it. */
const CUT_MS = 10_000

/** A lease of which its primary may never have heard, or that it may have forgotten, has ended after so many terms. */
const DOUBTED_TERMS = 2

/**
 * What a writer has sent behind the end of a file and never told of, because it died or gave up: chunks, and bytes in the
 * chunk that the file ends in. It goes when nobody has the file open and no lease of it runs, so that nobody who lives is at
 * it; and whoever wants to write meanwhile waits for the end of it.
 */
export class Leftovers {
  readonly #parts: ChunkParts
  readonly #startedMs: number
  /** Files that seemed to have some: mostly because they are being written. Who was looked at last comes last. */
  readonly #found = new Set<InodeId>()
  readonly #cutting = new Map<InodeId, Promise<void>>()
  /** Leases being given out, by file. */
  readonly #granting = new Map<InodeId, number>()
  #stopped = false

  constructor(parts: ChunkParts) {
    this.#parts = parts
    this.#startedMs = parts.clock.nowMs()
  }

  /** To be called with every chunk now and then, and when something about it has changed. */
  look(record: ChunkRecord, replicas: readonly Replica[]): void {
    if (reachesBehind(replicas, this.#parts.table.bytesInFile(record))) this.#find(record.inode)
  }

  /** What whoever wants to write to the file has to wait for; nothing nearly always. It never rejects. */
  underWay(inode: InodeId): Promise<void> | undefined {
    return this.#cutting.get(inode)
  }

  /** Gives out a lease of some chunk of the file: not while what is left there goes, which waits for it in turn. */
  async granting<Result>(inode: InodeId, grant: () => Promise<Result>): Promise<Result> {
    for (let cut = this.underWay(inode); cut !== undefined; cut = this.underWay(inode)) await cut
    this.#granting.set(inode, (this.#granting.get(inode) ?? 0) + 1)
    try {
      return await grant()
    } finally {
      const left = (this.#granting.get(inode) ?? 0) - 1
      if (left > 0) this.#granting.set(inode, left)
      else this.#granting.delete(inode)
    }
  }

  /** One pass: begins with those files that nobody is at. */
  step(): void {
    const { clock, config, settling } = this.#parts
    // Leases granted before a restart of the master end in time.
    if (!settling.over || clock.nowMs() - this.#startedMs <= config.leaseMs) return
    const batch: InodeId[] = []
    for (const inode of this.#found) {
      if (batch.push(inode) >= bounds.tailsPerPassMax) break
    }
    let leased: ReadonlySet<InodeId> | undefined
    for (const inode of batch) {
      if (this.#stopped || this.#cutting.size >= bounds.tailsAtOnceMax) return
      this.#found.delete(inode)
      if (this.#begin(inode, () => leased ??= this.#leased()) === 'later') this.#found.add(inode)
    }
  }

  /** Begins nothing more. Resolves when everything under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#cutting.values())
  }

  #find(inode: InodeId): void {
    // What is forgotten here is found again: see look().
    if (this.#found.size < bounds.tailsFoundMax) this.#found.add(inode)
  }

  #begin(inode: InodeId, leased: () => ReadonlySet<InodeId>): 'begun' | 'nothing there' | 'later' {
    const { table } = this.#parts
    if (table.isHeld(inode)) return 'later'
    const tail = table.tailOf(inode)
    if (tail === undefined || !(tail.hasChunksBehind || this.#isLonger(tail.last))) return 'nothing there'
    if (this.#granting.has(inode) || leased().has(inode) || (tail.last !== undefined && !this.#canBeCut(tail.last.chunk))) {
      return 'later'
    }
    const cut = this.#cut(inode).finally(() => { this.#cutting.delete(inode) })
    this.#cutting.set(inode, cut)
    return 'begun'
  }

  async #cut(inode: InodeId): Promise<void> {
    const { table, locks, log } = this.#parts
    try {
      // 1. On record before a byte goes: whoever wrote under an older version and is still alive must be told.
      await table.cutTail(inode, await table.takeVersion())
      // 2. What lies in the file's last chunk.
      const last = table.tailOf(inode)?.last
      if (last === undefined || !this.#isLonger(last)) return
      await locks.hold(last.chunk, () => cutChunk(this.#parts, last))
    } catch (error) {
      const { code, message } = asDfsError(error)
      log.warn({ inode, code }, `what a writer left behind the end of a file is still there, and will be tried again: ${message}`)
      this.#find(inode)
    }
  }

  #isLonger(last: { chunk: ChunkId, lengthBytes: number } | undefined): boolean {
    return last !== undefined && reachesBehind(this.#parts.locations.of(last.chunk), last.lengthBytes)
  }

  /** Files with a chunk that somebody may have a lease of. */
  #leased(): ReadonlySet<InodeId> {
    const { leases, table, clock, config } = this.#parts
    const files = new Set<InodeId>()
    for (const { chunk, doubted, usedAtMs } of leases.running()) {
      const isOver = doubted && clock.nowMs() - usedAtMs > DOUBTED_TERMS * config.leaseMs
      const inode = isOver ? undefined : table.chunk(chunk)?.inode
      if (inode !== undefined) files.add(inode)
    }
    return files
  }

  /** Whether all replicas that count are within reach: else those that are left out would be made anew for nothing. */
  #canBeCut(chunk: ChunkId): boolean {
    const { table, locations, locks, servers } = this.#parts
    const record = table.chunk(chunk)
    if (record === undefined || locks.isHeld(chunk)) return false
    return locations.of(chunk).filter(replica => isCurrent(replica, record)).every(({ server: id }) => {
      const server = servers.get(id)
      return server === undefined || servers.stateOf(server) === 'dead' || servers.isReachable(server)
    })
  }
}

/** A chunk of which nothing is in the file reaches behind its end without bytes too. */
function reachesBehind(replicas: readonly Replica[], lengthBytes: number): boolean {
  return lengthBytes === 0 || replicas.some(replica => replica.lengthBytes > lengthBytes)
}

/** Cuts all replicas of a chunk to its part of the file. The caller holds the chunk's lock. */
async function cutChunk(
  parts: ChunkParts, { chunk, lengthBytes }: { chunk: ChunkId, lengthBytes: number },
): Promise<void> {
  const { locations, leases, log } = parts
  // 1. Alike, and nothing that is still on its way to one of them may come in.
  const agreed = await agree(parts, chunk, { suspects: [] })
  leases.end(chunk)
  if (agreed === neverWritten) return
  const { version, primary, members } = agreed
  log.info({ chunk, version, lengthBytes }, 'cutting what a writer left behind the end of a file')
  // 2. One is cut, and the others are made like it.
  const peers = members.filter(member => member !== primary).map(({ shown }) => shown)
  let failed = members.map(({ id }) => id)
  try {
    if (primary.link === undefined) return
    const { reply } = await primary.link.call(chunkControlApi.methods.reconcile,
      { chunk, version, peers, cutBytes: lengthBytes }, { deadlineMs: CUT_MS })
    failed = reply.failed
  } finally {
    for (const { id } of members) {
      const known = locations.get(chunk, id)
      if (known === undefined || failed.includes(id)) continue
      locations.set(chunk, { ...known, lengthBytes: Math.min(known.lengthBytes, lengthBytes) })
    }
    // Whoever could not follow is longer than the others: the repair makes them alike.
    if (failed.length > 0) locations.setUneven(chunk, version)
  }
}
