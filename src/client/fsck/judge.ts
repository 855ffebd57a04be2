import type { ClusterStatus, FileInfo } from '../../protocol/master-api.ts'

export type Chunk = FileInfo['chunks'][number]
export type Replica = Chunk['replicas'][number]

/**
 * What may be wrong with a chunk. 'missing': nobody who answers has a good replica. 'leaving': too few good replicas are on
 * servers that are not being drained. 'misplaced': its replicas stand on fewer racks than they could. The last three: there is
 * a replica of that kind, beside the others.
 */
export const problems = [
  'missing', 'under-replicated', 'leaving', 'over-replicated', 'misplaced', 'corrupt', 'doubtful', 'stale',
] as const
export type Problem = (typeof problems)[number]

/** What a healthy chunk has. */
export interface Wanted {
  replicas: number
  /** Racks that its replicas should stand on, where there are enough of them. */
  racks: number
}

/** Racks over which placement spreads, of the policy 'hdfs': the others share one of the two. */
const HDFS_RACKS = 2

export function wantedIn({ servers, replicas, placement }: ClusterStatus): Wanted {
  const racks = new Set(servers.filter(({ state, draining }) => state === 'live' && !draining).map(({ rack }) => rack)).size
  return { replicas, racks: Math.min(racks, placement === 'hdfs' ? HDFS_RACKS : replicas) }
}

/** @returns nothing for a healthy chunk */
export function judge({ replicas, blank }: Pick<Chunk, 'replicas' | 'blank'>, wanted: Wanted): Problem[] {
  if (blank && replicas.length === 0) return []
  const good = replicas.filter(({ state }) => state === 'good' || state === 'expected')
  // Those of servers that are being drained count until they have gone, and are no surplus meanwhile.
  const staying = good.filter(({ draining }) => !draining)
  const racks = new Set(good.map(({ rack }) => rack)).size
  const has = (state: Replica['state']): boolean => replicas.some(replica => replica.state === state)
  const found: Record<Problem, boolean> = {
    'missing': good.length === 0,
    'under-replicated': good.length > 0 && good.length < wanted.replicas,
    'leaving': good.length >= wanted.replicas && staying.length < wanted.replicas,
    'over-replicated': staying.length > wanted.replicas,
    'misplaced': racks < Math.min(good.length, wanted.racks),
    'corrupt': has('corrupt'),
    'doubtful': has('doubtful'),
    'stale': has('stale'),
  }
  return problems.filter(problem => found[problem])
}
