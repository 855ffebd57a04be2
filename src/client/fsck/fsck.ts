import type { Caller } from '../../protocol/attributes.ts'
import { asDfsError, isError } from '../../protocol/errors.ts'
import type { InodeId } from '../../protocol/identifiers.ts'
import type { FileInfo } from '../../protocol/master-api.ts'
import { pause } from '../../seams/clock.ts'
import type { Admin } from '../admin.ts'
import type { FileSystem } from '../file-system.ts'
import type { Trash } from '../trash.ts'
import { judge, problems, wantedIn, type Chunk, type Problem, type Replica, type Wanted } from './judge.ts'
import { findOrphans, type Orphan } from './orphans.ts'
import { walk, type Visited } from './walk.ts'

/** Files looked at at the same time; with `verify` as many replicas are being read. */
const FILES_AT_ONCE = 8
/** A chunk whose replicas are just being changed is looked at again so often, after so many ms. */
const LOOKS_MAX = 20
const LOOK_AGAIN_MS = 250
/** Files with several names that are remembered, so that they count once. */
const LINKED_MAX = 1_000_000

/** Something that is not as it should be. Paths are bytes, one character each. */
export type Finding =
  | {
    kind: 'chunk', path: string, inode: InodeId, inTrash: boolean, index: number, chunk: number, version: number,
    problems: Problem[], replicas: Replica[],
  }
  | Orphan
  /** Could not be looked at. */
  | { kind: 'unread', path: string, error: string }

/** What was seen so far. */
export interface FsckCounts {
  directories: number
  files: number
  /** Of the files. */
  bytes: number
  /** Removed files that can be brought back: they are not among the files. */
  trashFiles: number
  trashBytes: number
  others: number
  chunks: number
  replicas: number
  /** Files with a chunk that has problems. */
  unhealthyFiles: number
  /** Chunks with each problem. */
  problems: Record<Problem, number>
  orphans: number
  unread: number
}

export function noCounts(): FsckCounts {
  return {
    directories: 0, files: 0, bytes: 0, trashFiles: 0, trashBytes: 0, others: 0, chunks: 0, replicas: 0, unhealthyFiles: 0,
    problems: Object.fromEntries(problems.map(problem => [problem, 0])) as Record<Problem, number>, orphans: 0, unread: 0,
  }
}

export interface FsckOptions {
  start: Visited
  caller: Caller
  /** Has each replica read and checked by its server. */
  verify: boolean
  /** Looks at the files in there as well. */
  trash: Trash | undefined
  /** Looks on all servers for replicas that belong to no chunk. */
  orphans: boolean
  /** Awaited with everything that is found. */
  report: (finding: Finding) => Promise<void>
  /** Brought up to date all the time. */
  counts: FsckCounts
}

/**
 * Tells the health of all files from some place on. What is changed meanwhile is judged as it is before or after, and
 * never as damage.
 * @throws DfsError the master, or the place, could not be reached
 */
export async function fsck(
  { admin, fileSystem }: { admin: Admin, fileSystem: FileSystem }, options: FsckOptions,
): Promise<void> {
  const { start, caller, counts, report } = options
  const check = new Check(admin, options, wantedIn(await admin.status()))
  const tree = walk(fileSystem, start, caller)
  const linked = new Set<InodeId>()
  const worker = async (): Promise<void> => {
    for (let next = await tree.next(); next.done !== true; next = await tree.next()) {
      const { path, attributes: { inode, type, links }, error } = next.value
      if (error !== undefined) {
        counts.unread++
        await report({ kind: 'unread', path, error: error.message })
      } else if (type !== 'file') {
        counts[type === 'directory' ? 'directories' : 'others']++
      } else if (!linked.has(inode)) {
        if (links > 1 && linked.size < LINKED_MAX) linked.add(inode)
        await check.file({ path, inode, inTrash: false })
      }
    }
  }
  await Promise.all(Array.from({ length: FILES_AT_ONCE }, worker))
  if (options.trash !== undefined) await checkTrash(options.trash, check)
  if (options.orphans) {
    for await (const orphan of findOrphans(admin)) {
      counts[orphan.kind === 'orphan' ? 'orphans' : 'unread']++
      await report(orphan)
    }
  }
}

async function checkTrash(trash: Trash, check: Check): Promise<void> {
  for await (const { files } of trash.list(Buffer.from('/'))) {
    const left = files.values()
    await Promise.all(Array.from({ length: FILES_AT_ONCE }, async () => {
      for (const { path, inode } of left) await check.file({ path, inode, inTrash: true })
    }))
  }
}

/** Looks at one file after the other. */
class Check {
  readonly #admin: Admin
  readonly #options: FsckOptions
  readonly #wanted: Wanted

  constructor(admin: Admin, options: FsckOptions, wanted: Wanted) {
    this.#admin = admin
    this.#options = options
    this.#wanted = wanted
  }

  async file({ path, inode, inTrash }: { path: string, inode: InodeId, inTrash: boolean }): Promise<void> {
    const { counts, report } = this.#options
    let isHealthy = true
    let sizeBytes = 0
    try {
      for await (const page of this.#admin.fileInfoPages(inode)) {
        sizeBytes = page.sizeBytes
        for (const each of page.chunks) {
          const { chunk, found } = await this.#judge(inode, each)
          if (chunk === undefined) continue
          counts.chunks++
          counts.replicas += chunk.replicas.length
          if (found.length === 0) continue
          isHealthy = false
          for (const problem of found) counts.problems[problem]++
          const { index, version, replicas } = chunk
          await report({ kind: 'chunk', path, inode, inTrash, index, chunk: chunk.chunk, version, problems: found, replicas })
        }
      }
    } catch (error) {
      // Removed meanwhile.
      if (!isError(error, 'stale-handle')) throw error
      return
    }
    counts[inTrash ? 'trashFiles' : 'files']++
    counts[inTrash ? 'trashBytes' : 'bytes'] += sizeBytes
    if (!isHealthy) counts.unhealthyFiles++
  }

  /** @returns no chunk where it has gone meanwhile */
  async #judge(inode: InodeId, first: Chunk): Promise<{ chunk: Chunk | undefined, found: Problem[] }> {
    let chunk: Chunk | undefined = first
    for (let looks = 1; ; looks++) {
      const seen: Chunk = this.#options.verify ? await this.#verified(chunk) : chunk
      const found = judge(seen, this.#wanted)
      // One more look at whatever is wrong: between two messages a write may have moved it on. Rot is no matter of time.
      const isSure = found.length === 0 || found.includes('corrupt') || (looks > 1 && !seen.changing)
      if (isSure || looks >= LOOKS_MAX) return { chunk: seen, found }
      await pause(this.#admin.clock, LOOK_AGAIN_MS)
      chunk = (await this.#admin.fileInfoAt(inode, first.index, 1)).chunks[0]
      if (chunk === undefined) return { chunk, found: [] }
    }
  }

  async #verified(chunk: Chunk): Promise<Chunk> {
    const replicas: Replica[] = []
    for (const replica of chunk.replicas) {
      // What is only expected need not be there yet.
      const isThere = replica.state !== 'expected' && replica.state !== 'silent'
      replicas.push(isThere ? await verified(this.#admin, chunk, replica) : replica)
    }
    return { ...chunk, replicas }
  }
}

/** The replica as its own server sees it, after it has read all of it. */
export async function verified(
  admin: Admin, { chunk, version: current }: Pick<FileInfo['chunks'][number], 'chunk' | 'version'>, replica: Replica,
): Promise<Replica> {
  try {
    const { version, lengthBytes, state } = await admin.inspect(replica.address, chunk, true)
    return { ...replica, version, lengthBytes, state: state !== 'corrupt' && version < current ? 'stale' : state }
  } catch (error) {
    return { ...replica, state: asDfsError(error).code === 'disk-failed' ? 'corrupt' : 'silent' }
  }
}
