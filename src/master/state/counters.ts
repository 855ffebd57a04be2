import { ROOT_INODE } from '../../protocol/identifiers.ts'
import { encodeNumbers, numberIn, numbersIn } from './records.ts'

/** Numbers that only rise, and totals. */
export interface Counters {
  appliedIndex: number
  nextInode: number
  nextChunk: number
  nextSession: number
  /** Every version below may have been handed out. */
  versionBound: number
  inodeCount: number
  chunkCount: number
  sessionCount: number
  /** What is in the trash, with the sizes it had when it went there. */
  trashFiles: number
  trashBytes: number
}

/** Their order on disk, for ever: new ones go to the end. */
const counterNames = [
  'appliedIndex', 'nextInode', 'nextChunk', 'nextSession', 'versionBound', 'inodeCount', 'chunkCount', 'sessionCount',
  'trashFiles', 'trashBytes',
] as const satisfies readonly (keyof Counters)[]

export function encodeCounters(counters: Counters): Buffer {
  return encodeNumbers(...counterNames.map(name => counters[name]))
}

/** As they were written, or as they begin. */
export function readCounters(bytes: Buffer | undefined): Counters {
  const counters: Counters = {
    appliedIndex: 0, nextInode: ROOT_INODE + 1, nextChunk: 1, nextSession: 1, versionBound: 1,
    inodeCount: 0, chunkCount: 0, sessionCount: 0, trashFiles: 0, trashBytes: 0,
  }
  if (bytes !== undefined) {
    // Written before a counter was added, they end earlier.
    for (const [position, name] of counterNames.slice(0, numbersIn(bytes)).entries()) counters[name] = numberIn(bytes, position)
  }
  return counters
}
