import type { ServerId } from '../../protocol/identifiers.ts'
import type { Random } from '../../seams/random.ts'
import type { RackPolicy } from '../config.ts'

/** A server that may take a replica, or has one. */
export interface Place {
  readonly id: ServerId
  readonly rack: string
  readonly host: string
  /** Share of its disk that is free, 0 to 1. */
  readonly freeFraction: number
  readonly load: number
  readonly recentlyPlaced: number
}

/** Calls being served that halve a server's chance. */
const LOAD_HALVES = 16

/**
 * Chooses servers for new replicas of one chunk, in the order in which they should hold it.
 * @param taken where replicas are already
 * @param near the writer's machine
 * @returns `count` servers, fewer where there are not so many
 */
export function place<Candidate extends Place>(
  { count, candidates, taken, near, policy, random }: {
    count: number, candidates: readonly Candidate[], taken: readonly Place[], near?: string | undefined,
    policy: RackPolicy, random: Random,
  },
): Candidate[] {
  const chosen: Candidate[] = []
  const left = new Set(candidates)
  while (chosen.length < count && left.size > 0) {
    const next = draw(best([...left], [...taken, ...chosen], near, policy), random)
    if (next === undefined) break
    chosen.push(next)
    left.delete(next)
  }
  return chosen
}

/** Racks and machines that servers with room are on. */
export interface Grounds {
  readonly racks: ReadonlySet<string>
  readonly hosts: ReadonlySet<string>
}

export function groundsOf(places: Iterable<Place>): Grounds {
  const racks = new Set<string>()
  const hosts = new Set<string>()
  for (const { rack, host } of places) {
    racks.add(rack)
    hosts.add(host)
  }
  return { racks, hosts }
}

/** Whether replicas on these servers share a rack or machine that one of them could leave for a free one. */
export function couldSpread(held: readonly Place[], free: Grounds, policy: RackPolicy): boolean {
  const { racks, hosts } = groundsOf(held)
  const racksWanted = policy === 'hdfs' ? Math.min(2, held.length) : held.length
  return (racks.size < racksWanted && [...free.racks].some(rack => !racks.has(rack)))
    || (hosts.size < held.length && [...free.hosts].some(host => !hosts.has(host)))
}

/** Whether replicas on `after` are on as many racks and machines as on `before`, at least. */
export function isAsSpread(after: readonly Place[], before: readonly Place[]): boolean {
  const now = groundsOf(after)
  const then = groundsOf(before)
  return now.racks.size >= then.racks.size && now.hosts.size >= then.hosts.size
}

/** Whether some other candidate would be further from the replicas so far than this one. */
export function isSecondBest<Candidate extends Place>(
  chosen: Candidate, candidates: readonly Candidate[], taken: readonly Place[], policy: RackPolicy,
): boolean {
  const cost = costOf(chosen, taken, undefined, policy)
  return candidates.some(candidate => costOf(candidate, taken, undefined, policy) < cost)
}

/** Which of several replicas to give up: after that the rest stand as far apart as they can. */
export function surplus<Candidate extends Place>(replicas: readonly Candidate[]): Candidate | undefined {
  const shared = (one: Candidate, same: (other: Candidate) => boolean): number =>
    replicas.filter(other => other !== one && same(other)).length
  return [...replicas].sort((one, other) =>
    shared(other, each => each.host === other.host) - shared(one, each => each.host === one.host)
    || shared(other, each => each.rack === other.rack) - shared(one, each => each.rack === one.rack)
    || one.freeFraction - other.freeFraction)[0]
}

/** The candidates that no other beats in distance from the replicas so far (or nearness to the writer). */
function best<Candidate extends Place>(
  candidates: readonly Candidate[], taken: readonly Place[], near: string | undefined, policy: RackPolicy,
): Candidate[] {
  let lowest = Infinity
  let found: Candidate[] = []
  for (const candidate of candidates) {
    const cost = costOf(candidate, taken, near, policy)
    if (cost > lowest) continue
    if (cost < lowest) found = []
    lowest = cost
    found.push(candidate)
  }
  return found
}

/** Sharing a machine is worse than sharing any rack. */
const SAME_HOST = 1_000

function costOf(candidate: Place, taken: readonly Place[], near: string | undefined, policy: RackPolicy): number {
  if (taken.length === 0) return near === undefined || candidate.host === near ? 0 : 1
  const onHost = taken.filter(({ host }) => host === candidate.host).length
  const onRack = taken.filter(({ rack }) => rack === candidate.rack).length
  // 'hdfs': the third replica joins the second on its rack; any other placing is as in 'spread'.
  const joinsSecond = policy === 'hdfs' && taken.length === 2
    && taken[0]?.rack !== taken[1]?.rack && candidate.rack === taken[1]?.rack
  return onHost * SAME_HOST + (joinsSecond ? 0 : onRack + (policy === 'hdfs' && taken.length === 2 ? 1 : 0))
}

/** One of equally good places by chance, the emptier and less busy the likelier. */
function draw<Candidate extends Place>(candidates: readonly Candidate[], random: Random): Candidate | undefined {
  const weights = candidates.map(({ freeFraction, load, recentlyPlaced }) =>
    Math.max(freeFraction, 0.001) / (1 + load / LOAD_HALVES) / (1 + recentlyPlaced))
  let point = random.fraction() * weights.reduce((sum, weight) => sum + weight, 0)
  for (const [at, candidate] of candidates.entries()) {
    point -= weights[at] ?? 0
    if (point < 0) return candidate
  }
  return candidates.at(-1)
}
