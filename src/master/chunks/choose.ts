import { DfsError } from '../../protocol/errors.ts'
import type { ServerId } from '../../protocol/identifiers.ts'
import type { Server } from '../servers/server.ts'
import type { ChunkParts } from './parts.ts'
import { place } from './placement.ts'

/** Whether a server may be given new replicas, and if not, why. */
export function fitness(
  { servers, config }: Pick<ChunkParts, 'servers' | 'config'>, server: Server,
): 'fit' | 'away' | 'full' | 'leaving' {
  if (!servers.isReachable(server) || server.diskFault !== '') return 'away'
  if (servers.isLeaving(server.id)) return 'leaving'
  if (server.freeFraction < config.minFreeFraction || server.freeBytes < config.chunkSizeBytes) return 'full'
  return 'fit'
}

/** The servers that may be given new replicas. */
export function fitServers(parts: Pick<ChunkParts, 'servers' | 'config'>): Server[] {
  return [...parts.servers.all()].filter(server => fitness(parts, server) === 'fit')
}

/**
 * Chooses servers for new replicas.
 * @param avoided these only if there are no others
 * @param taken where the chunk has replicas: never chosen, and kept away from
 * @param excluded never chosen either
 * @throws DfsError 'no-space' all disks are full, 'not-enough-servers' there is none
 */
export function freshServers(
  parts: Pick<ChunkParts, 'servers' | 'config' | 'random'>,
  { count, avoided, near, taken, excluded = [] }: {
    count: number, avoided: ReadonlySet<ServerId>, near?: string | undefined, taken: readonly Server[],
    excluded?: readonly Server[],
  },
): Server[] {
  const { servers, config, random } = parts
  const others = [...servers.all()].filter(server => !taken.includes(server) && !excluded.includes(server))
  const fit = others.filter(server => fitness(parts, server) === 'fit')
  const trusted = fit.filter(server => !avoided.has(server.id) && !servers.isDoubted(server))
  const candidates = trusted.length > 0 ? trusted : fit
  if (candidates.length === 0) {
    throw others.some(server => fitness(parts, server) === 'full')
      ? new DfsError('no-space', 'the disks of all chunkservers that could take a replica are full')
      : new DfsError('not-enough-servers', 'there is no chunkserver that could take a replica')
  }
  return place({ count, candidates, taken, near, policy: config.rackPolicy, random })
}
