import { ROOT_INODE } from '../../protocol/identifiers.ts'
import { encodeNumbers, numberIn } from './records.ts'

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
}

/** Their order on disk, for ever: new ones go to the end. */
const counterNames = [
  'appliedIndex', 'nextInode', 'nextChunk', 'nextSession', 'versionBound', 'inodeCount', 'chunkCount', 'sessionCount',
] as const satisfies readonly (keyof Counters)[]

export function encodeCounters(counters: Counters): Buffer {
  return encodeNumbers(...counterNames.map(name => counters[name]))
}

/** As they were written, or as they begin. */
export function readCounters(bytes: Buffer | undefined): Counters {
  const counters: Counters = {
    appliedIndex: 0, nextInode: ROOT_INODE + 1, nextChunk: 1, nextSession: 1, versionBound: 1,
    inodeCount: 0, chunkCount: 0, sessionCount: 0,
  }
  if (bytes !== undefined) {
    for (const [position, name] of counterNames.entries()) counters[name] = numberIn(bytes, position)
  }
  return counters
}
