import { DfsError } from '../../protocol/errors.ts'
import { ROOT_INODE } from '../../protocol/identifiers.ts'
import { encodeNumbers, FORMAT, numbersOf } from './numbers.ts'

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
  if (bytes === undefined) return counters
  if (bytes[0] !== FORMAT) throw new DfsError('journal-failed', `the state has the unknown format ${String(bytes[0])}`)
  const numbers = numbersOf(bytes)
  for (const name of counterNames) {
    // Written before a counter was added, they end earlier.
    if (numbers.at < bytes.length) counters[name] = numbers.next()
  }
  return counters
}
