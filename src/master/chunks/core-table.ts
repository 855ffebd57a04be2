import { DfsError } from '../../protocol/errors.ts'
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
