import { DfsError } from '../../protocol/errors.ts'
import type { ChunkIndex } from '../../protocol/identifiers.ts'
import type { MasterCore } from '../core.ts'
import type { ChunkTable } from './table.ts'

/** The chunk table of the master's state machine. */
export function coreTable(core: MasterCore): ChunkTable {
  const { state } = core
  return {
    chunk: id => state.chunk(id),
    isUnwritten: id => {
      const record = state.chunk(id)
      return record?.index === 0 && state.isUnwritten(record.inode)
    },
    isBeyondEnd: id => {
      const record = state.chunk(id)
      const file = record === undefined ? undefined : state.fileOf(record.inode)
      return record !== undefined && file !== undefined && record.index * file.chunkSizeBytes >= file.sizeBytes
    },
    bytesInFile: ({ inode, index }) => {
      const file = state.sizesOf(inode)
      if (file === undefined) return 0
      return Math.min(file.chunkSizeBytes, Math.max(0, file.sizeBytes - index * file.chunkSizeBytes))
    },
    tailOf: inode => {
      const file = state.fileOf(inode)
      if (file === undefined || state.isOrphan(inode)) return undefined
      const { sizeBytes, chunkSizeBytes } = file
      const behind = Math.ceil(sizeBytes / chunkSizeBytes) as ChunkIndex
      const lengthBytes = sizeBytes % chunkSizeBytes
      const last = lengthBytes === 0 ? undefined : state.chunkAt(inode, behind - 1 as ChunkIndex)?.chunk
      return {
        hasChunksBehind: state.chunksOf(inode, behind, Number.MAX_SAFE_INTEGER - behind, 1).length > 0,
        last: last === undefined ? undefined : { chunk: last, lengthBytes },
      }
    },
    isHeld: inode => core.sessions.mayHold(inode),
    cutTail: async (inode, version) => { await core.submit('cutTail', { inode, version }) },
    get nextChunk() { return state.nextChunk },
    originOf: ({ inode, index }) => {
      const file = state.fileOf(inode)
      if (file === undefined) throw new DfsError('no-such-entry', `file ${inode} is gone`)
      return { inode, index, chunkSizeBytes: file.chunkSizeBytes }
    },
    takeVersion: () => core.takeVersion(),
    setVersion: async (chunk, version, { doubtful }) => {
      const { applied } = await core.submit('setChunkVersion', { chunk, version, doubtful })
      if (!applied) throw new DfsError('no-such-entry', `chunk ${chunk} is gone, or at a version later than ${version}`)
    },
    allocate: (stamp, inode, index) => core.submit('allocateChunk', { stamp, inode, index }),
  }
}
