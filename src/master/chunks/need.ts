import type { ChunkVersion } from '../../protocol/identifiers.ts'
import type { Replica } from './locations.ts'

/**
 * What a chunk lacks.
 * 'lost': no replica with all that was acknowledged is on a server that counts as alive. 'doubtful': only such replicas are
 * left. 'copies': fewer good ones than wanted. 'surplus': more.
 */
export type Need =
  | { kind: 'lost' }
  | { kind: 'doubtful' }
  | { kind: 'copies', good: number, missing: number }
  | { kind: 'surplus', good: number }

export interface Assessment {
  need: Need | undefined
  /** Replicas that nobody will want any more. */
  useless: Replica[]
}

/** A good replica more than this makes one that missed mutations useless. */
const GOOD_BEFORE_STALE_GO = 2

/**
 * Judges the replicas of one chunk.
 * @param isAlive whether a replica's server counts as alive @param inReach whether it answers at this moment: nothing is
 *   given up for a good replica that is only hoped for
 */
export function assess(
  replicas: readonly Replica[], version: ChunkVersion,
  { wanted, isBlank, isAlive, inReach }: {
    wanted: number, isBlank: boolean, isAlive: (replica: Replica) => boolean, inReach: (replica: Replica) => boolean,
  },
): Assessment {
  const alive = replicas.filter(isAlive)
  const current = alive.filter(replica => replica.version >= version)
  const counted = current.filter(({ state }) => state === 'good' || state === 'expected').length
  const good = current.filter(({ state }) => state === 'good').length
  const sure = current.filter(replica => replica.state === 'good' && inReach(replica)).length
  const doubtful = current.filter(({ state }) => state === 'doubtful')
  const useless = [
    ...(sure > 0 ? alive.filter(({ state }) => state === 'corrupt') : []),
    ...(sure > 0 ? doubtful : []),
    ...(sure >= Math.min(GOOD_BEFORE_STALE_GO, wanted)
      ? alive.filter(replica => replica.version < version && replica.state !== 'corrupt')
      : []),
  ]
  return { need: needOf({ counted, good, doubtful: doubtful.length, wanted, isBlank }), useless }
}

function needOf(
  { counted, good, doubtful, wanted, isBlank }: {
    counted: number, good: number, doubtful: number, wanted: number, isBlank: boolean,
  },
): Need | undefined {
  if (counted === 0 && doubtful > 0) return { kind: 'doubtful' }
  if (counted === 0) return isBlank ? undefined : { kind: 'lost' }
  // A first lease runs, or has just ended: the next reports tell.
  if (good === 0) return undefined
  if (counted < wanted) return { kind: 'copies', good, missing: wanted - counted }
  return counted > wanted ? { kind: 'surplus', good } : undefined
}

/** In which order chunks are helped: the lower the sooner. */
export function priorityOf(need: Need): number {
  switch (need.kind) {
    case 'doubtful': return 0
    case 'copies': return need.good
    case 'surplus': return 1_000
    case 'lost': return Infinity
  }
}
