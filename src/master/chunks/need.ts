import type { ChunkVersion } from '../../protocol/identifiers.ts'
import type { RepairStatus } from '../../protocol/master-api.ts'
import type { Replica } from '../replicas/replica.ts'

/**
 * What a chunk lacks.
 * 'lost': no replica with all that was acknowledged is on a server that counts as alive. 'doubtful': only such replicas are
 * left. 'uneven': they may differ in a mutation that was never acknowledged. 'copies': fewer good ones than wanted.
 * 'surplus': more. 'move': some are on servers that are being drained. 'spread': they could stand further apart.
 */
export type Need =
  | { kind: 'lost' }
  | { kind: 'doubtful' }
  | { kind: 'uneven' }
  | { kind: 'copies', good: number, missing: number }
  | { kind: 'surplus', good: number }
  | { kind: 'move', good: number }
  | { kind: 'spread', good: number }

export interface Assessment {
  need: Need | undefined
  /** Replicas that nobody will want any more. */
  useless: Replica[]
}

/** What there is to know of replicas beyond what their servers report. */
export interface Judges {
  isAlive(replica: Replica): boolean
  /** Whether its server answers at this moment: nothing is given up for a good replica that is only hoped for. */
  inReach(replica: Replica): boolean
  /** Whether its server is being drained. */
  isLeaving(replica: Replica): boolean
  /** Whether these could be moved further apart. */
  couldSpread(replicas: readonly Replica[]): boolean
}

/** A good replica more than this makes one that missed mutations useless. */
const GOOD_BEFORE_STALE_GO = 2

/** Judges the replicas of one chunk. */
export function assess(
  replicas: readonly Replica[], version: ChunkVersion,
  { wanted, isBlank, isUneven = false, judges }: { wanted: number, isBlank: boolean, isUneven?: boolean, judges: Judges },
): Assessment {
  const alive = replicas.filter(replica => judges.isAlive(replica))
  const current = alive.filter(replica => replica.version >= version)
  const counted = current.filter(({ state }) => state === 'good' || state === 'expected')
  const good = current.filter(({ state }) => state === 'good').length
  const sure = current.filter(replica => replica.state === 'good' && judges.inReach(replica)).length
  const doubtful = current.filter(({ state }) => state === 'doubtful')
  const useless = [
    ...(sure > 0 ? alive.filter(({ state }) => state === 'corrupt') : []),
    ...(sure > 0 ? doubtful : []),
    ...(sure >= Math.min(GOOD_BEFORE_STALE_GO, wanted)
      ? alive.filter(replica => replica.version < version && replica.state !== 'corrupt')
      : []),
  ]
  // One beyond the recorded version was fenced by a master that died before it could make the others like it.
  const differ = isUneven || counted.some(replica => replica.version > version)
  return { need: needOf({ counted, good, doubtful: doubtful.length, wanted, isBlank, differ, judges }), useless }
}

function needOf(
  { counted, good, doubtful, wanted, isBlank, differ, judges }: {
    counted: readonly Replica[], good: number, doubtful: number, wanted: number, isBlank: boolean, differ: boolean, judges: Judges,
  },
): Need | undefined {
  if (counted.length === 0 && doubtful > 0) return { kind: 'doubtful' }
  if (counted.length === 0) return isBlank ? undefined : { kind: 'lost' }
  // A first lease runs, or has just ended: the next reports tell.
  if (good === 0) return undefined
  // The only one left is copied first. And nobody is left behind who is only away for a moment.
  const isOnly = counted.length === 1 && wanted > 1
  if (differ && !isOnly && counted.every(replica => judges.inReach(replica))) return { kind: 'uneven' }
  if (counted.length < wanted) return { kind: 'copies', good, missing: wanted - counted.length }
  if (counted.length > wanted) return { kind: 'surplus', good }
  if (counted.some(replica => judges.isLeaving(replica))) return { kind: 'move', good }
  return judges.couldSpread(counted) ? { kind: 'spread', good } : undefined
}

/** Needs as people are told of them. */
export type NeedClass = keyof RepairStatus['queued'] | 'uneven' | 'lost'

export function classOf(need: Need): NeedClass {
  switch (need.kind) {
    case 'doubtful': return 'endangered'
    case 'copies': return need.good === 1 ? 'endangered' : 'underReplicated'
    case 'surplus': return 'surplus'
    case 'move': return 'leaving'
    case 'spread': return 'misplaced'
    case 'uneven': case 'lost': return need.kind
  }
}

/** In which order chunks are helped: the lower the sooner. */
export function priorityOf(need: Need): number {
  switch (need.kind) {
    case 'doubtful': return 0
    case 'uneven': return 2
    case 'copies': return need.good
    case 'surplus': return 1_000
    case 'move': return 1_001
    case 'spread': return 1_002
    case 'lost': return Infinity
  }
}
