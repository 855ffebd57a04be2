import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { superuser } from '../../src/protocol/attributes.ts'
import { ROOT_INODE, type ChunkIndex, type InodeId, type SessionId } from '../../src/protocol/identifiers.ts'
import { bytesOfText, type Name } from '../../src/protocol/names.ts'
import { MasterCore } from '../../src/master/core.ts'
import { systemClock } from '../../src/seams/clock.ts'
import { folder } from '../../src/seams/folder.ts'
import { QuickSyncs } from '../../src/seams/syncs.ts'
import { silentLog } from '../../src/seams/log.ts'
import { eventLoopPauses } from '../../src/seams/pauses.ts'
import { CHUNK_BYTES, FILES_PER_FOLDER, folderOf, nameOf, readVersions, writeVersions } from './layout.ts'
import { fillRequest, type FillResult } from './messages.ts'

/**
 * Fills the folder of a master that does not run with files of one chunk each. The fast way: the master's own state machine
 * in this process, with the entries that clients cause (create, allocateChunk, settle), journalled, applied and
 * checkpointed as always; only network and chunkservers are left out.
 */

const { data, versions: versionsFile, files } = fillRequest.parse(JSON.parse(process.argv[2] ?? ''))
mkdirSync(data, { recursive: true })
const core = await MasterCore.open({
  disk: folder(data, new QuickSyncs()), clock: systemClock, log: silentLog, lmdbPath: join(data, 'state'),
  config: { chunkSizeBytes: CHUNK_BYTES, sessionTimeoutMs: 3_600_000, trashMs: 0 },
})
/** From here on: a start that goes through the journal holds up nobody. */
const pauses = eventLoopPauses()

/** As a client counts its changes; nothing is ever repeated here. */
class Stamped {
  readonly session: SessionId
  #sequence = 0

  constructor(session: SessionId) {
    this.session = session
  }

  next(): { session: SessionId, sequence: number, oldestWaiting: number } {
    this.#sequence++
    return { session: this.session, sequence: this.#sequence, oldestWaiting: Math.max(1, this.#sequence - FILES_PER_FOLDER) }
  }
}

const versions = new Float64Array(Math.max(core.state.nextChunk, 1) + files + 1)
if (existsSync(versionsFile)) versions.set(readVersions(versionsFile))

async function makeFile(stamped: Stamped, parent: InodeId, file: number): Promise<void> {
  const { inode } = await core.submit('create', {
    stamp: stamped.next(), caller: superuser, parent, name: bytesOfText(nameOf(file)) as Name, mode: 0o644,
    exclusive: true, read: true, write: true, truncate: false,
  })
  const { chunk, version } = await core.submit('allocateChunk', { stamp: stamped.next(), inode, index: 0 as ChunkIndex })
  await core.submit('settle', {
    stamp: stamped.next(), caller: superuser, inode, endBytes: CHUNK_BYTES, modifiedNs: 'now', clearSetId: false,
  })
  core.sessions.close(stamped.session, [{ inode, count: 1 }])
  versions[chunk] = version
}

const have = Math.max(0, core.state.chunkCount)
const startedMs = performance.now()
for (let first = have; first < files; first += FILES_PER_FOLDER) {
  // A session for each folder: what it is owed, answers and opens, goes with it.
  const stamped = new Stamped(await core.sessions.start('fill'))
  const name = bytesOfText(folderOf(first)) as Name
  const parent = core.state.entry(ROOT_INODE, name) ?? (await core.submit('make', {
    stamp: stamped.next(), caller: superuser, parent: ROOT_INODE, name, node: { type: 'directory', mode: 0o755 },
  })).inode
  const last = Math.min(files, first + FILES_PER_FOLDER - first % FILES_PER_FOLDER)
  await Promise.all(Array.from({ length: last - first }, (_, index) => makeFile(stamped, parent, first + index)))
  await core.sessions.end(stamped.session)
}
const filesPerSecond = (files - have) / ((performance.now() - startedMs) / 1_000)
const longest = pauses.take()
writeVersions(versionsFile, versions.subarray(0, core.state.nextChunk))
await core.close()
const result: FillResult = { filesPerSecond, longest }
process.send?.(result)
process.disconnect()
