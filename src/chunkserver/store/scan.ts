import type { Checksum } from '../../protocol/checksum.ts'
import { DfsError } from '../../protocol/errors.ts'
import type { ChunkId, ChunkVersion } from '../../protocol/identifiers.ts'
import { limits } from '../../protocol/limits.ts'
import type { Disk } from '../../seams/disk.ts'
import type { Log } from '../../seams/log.ts'
import type { FolderSyncs } from './folder-syncs.ts'
import { decodeHeader, HEADER_BYTES, type FoundHeader, type Header } from './header.ts'
import { inParallel } from './in-parallel.ts'
import { chunkOf, namesOf, ROOT } from './names.ts'
import { recover } from './recover.ts'
import { dataStart } from './table.ts'

/** Folder syncs, and replicas made right, at the same time. */
const AT_ONCE = 8

/** Whatever else lies there, a lost+found perhaps, is not ours. */
const FOLDER = /^[0-9a-f]{2}$/

/** Finds all replicas, reading no more than a header of clean ones; makes dirty ones right and removes leftovers. */
export async function scan(
  { disk, log, folders }: { disk: Disk, log: Log, folders: FolderSyncs }, found: (header: Header) => void,
): Promise<void> {
  const dirty: Header[] = []
  await inParallel(disk.list(ROOT).filter(name => FOLDER.test(name)), AT_ONCE, async name => {
    const folder = `${ROOT}/${name}`
    for (const header of headersIn(disk, log, folder)) {
      if (header.mark === 'clean') found(header)
      else dirty.push(header)
    }
    // A process that died may have made names that no one synced; from here on they can be relied on.
    await folders.sync(folder)
  })
  await inParallel(dirty, AT_ONCE, async header => {
    try {
      found(await recover(disk, namesOf(header.chunk), header))
    } catch (error) {
      log.error({ chunk: header.chunk, error }, 'a replica cannot be read after the crash, and counts as corrupt')
      found({ ...header, state: 'corrupt' })
    }
  })
  if (dirty.length > 0) log.info({ replicas: dirty.length }, 'replicas in use at the last crash were made right')
}

function headersIn(disk: Disk, log: Log, folder: string): Header[] {
  const headers: Header[] = []
  for (const name of disk.list(folder)) {
    const chunk = chunkOf(name)
    if (chunk === undefined) {
      if (name.endsWith('.copy')) disk.remove(`${folder}/${name}`)
      continue
    }
    if (namesOf(chunk).folder !== folder) {
      throw new DfsError('invalid', `${folder}/${name} does not belong there: another version of dfs may have put it there`)
    }
    const header = judge(disk, log, chunk)
    if (header === undefined) removeLeftover(disk, log, chunk)
    else headers.push(header)
  }
  return headers
}

/** @returns nothing for a replica of which nothing was ever promised */
function judge(disk: Disk, log: Log, chunk: ChunkId): Header | undefined {
  const { file } = namesOf(chunk)
  const read = readHeader(disk, file)
  switch (read.found) {
    case 'nothing': return undefined
    case 'foreign': throw new DfsError('invalid', `${file}: ${read.why}`)
    case 'damage':
      log.error({ chunk }, `${file} is damaged: ${read.why}`)
      return damaged(chunk)
    case 'header':
      if (read.header.chunk !== chunk) {
        log.error({ chunk }, `${file} belongs to chunk ${read.header.chunk}`)
        return damaged(chunk)
      }
      return read.header.mark === 'clean' ? sized(disk, log, read.header) : read.header
  }
}

/** A clean replica, corrupt where its file has not the size that it must have. */
function sized(disk: Disk, log: Log, header: Header): Header {
  const { file } = namesOf(header.chunk)
  const foundBytes = Math.max(0, (disk.sizeOf(file) ?? 0) - dataStart(header.origin))
  if (foundBytes === header.lengthBytes || header.state === 'corrupt') return header
  log.error({ chunk: header.chunk }, `${file} has been cut short or added to`)
  return { ...header, state: 'corrupt' }
}

/** Stands for a replica of which we know no more than that it was here. Its version is older than any. */
function damaged(chunk: ChunkId): Header {
  return {
    chunk, version: 0 as ChunkVersion, origin: { inode: 0, index: 0, chunkSizeBytes: limits.chunkBytesMin },
    lengthBytes: 0, state: 'corrupt', mark: 'clean', pending: { from: 0, to: 0 }, digest: 0 as Checksum, bootId: '',
  }
}

function readHeader(disk: Disk, name: string): FoundHeader {
  const bytes = Buffer.alloc(HEADER_BYTES)
  const file = disk.open(name, 'existing')
  try {
    return decodeHeader(bytes.subarray(0, file.readNow(bytes, 0)))
  } finally {
    file.close()
  }
}

function removeLeftover(disk: Disk, log: Log, chunk: ChunkId): void {
  log.info({ chunk }, 'removed what was left of a replica that was never finished')
  disk.remove(namesOf(chunk).file)
}
