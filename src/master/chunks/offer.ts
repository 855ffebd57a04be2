import type { ChunkLease } from '../../protocol/chunks.ts'
import { isError } from '../../protocol/errors.ts'
import type { ChunkId, ChunkIndex, ChunkVersion } from '../../protocol/identifiers.ts'
import { fitness } from './choose.ts'
import { grantFirst } from './grant.ts'
import { asTold } from './lease.ts'
import type { ChunkParts } from './parts.ts'

const FIRST = 0 as ChunkIndex

/** Whether a file that is made now can have its first chunk at once: later it would have to wait for servers. */
export function mayPlace(parts: ChunkParts): boolean {
  if (!parts.settling.over) return false
  for (const server of parts.servers.all()) if (fitness(parts, server) === 'fit') return true
  return false
}

/**
 * The lease that goes with a new file's first chunk. None where the chunk was made in an earlier life of the master, or
 * where nobody takes it: then the client asks as for any other.
 * @param newSince chunks from this one on were made by this process
 */
export function offer(
  parts: ChunkParts, { chunk, version }: { chunk: ChunkId, version: ChunkVersion },
  { near, newSince }: { near: string | undefined, newSince: number },
): ChunkLease | undefined {
  const { leases, locations, locks, log } = parts
  if (locks.isHeld(chunk)) return undefined
  const running = leases.of(chunk)
  if (running !== undefined) return running.doubted ? undefined : asTold(parts, running, FIRST, near)
  if (chunk < newSince || locations.of(chunk).length > 0) return undefined
  locations.setFresh(chunk)
  try {
    return asTold(parts, grantFirst(parts, { chunk, version }, near), FIRST, near)
  } catch (error) {
    if (!isError(error, 'not-enough-servers', 'no-space')) throw error
    log.debug({ chunk, error }, 'no lease could be given out with a new file')
    return undefined
  }
}
