import { chunkControlApi } from '../../protocol/chunkserver-api.ts'
import { asDfsError } from '../../protocol/errors.ts'
import type { ChunkId } from '../../protocol/identifiers.ts'
import { agree, neverWritten } from './agree.ts'
import type { ChunkParts } from './parts.ts'

const REVOKE_MS = 10_000

/**
 * Sees to it that nobody writes to the chunk until the caller gives its lock back.
 * @param mayDisturb also end a lease that is in use
 * @param leasesAreKnown whether every lease that can still run was granted by this process
 * @returns whether nobody does
 */
export async function quiet(
  parts: ChunkParts, chunk: ChunkId, { mayDisturb, leasesAreKnown }: { mayDisturb: boolean, leasesAreKnown: boolean },
): Promise<boolean> {
  const { leases, servers, clock, config, log } = parts
  const lease = leases.of(chunk)
  if (lease === undefined && leasesAreKnown) return true
  if (lease !== undefined) {
    if (!mayDisturb && clock.nowMs() - lease.usedAtMs < 3 * config.heartbeatMs) return false
    const link = servers.get(lease.primary)?.link
    try {
      if (link !== undefined) {
        await link.call(chunkControlApi.methods.revoke, { chunk, version: lease.version }, { deadlineMs: REVOKE_MS })
        leases.end(chunk)
        return true
      }
    } catch (error) {
      const { code, message } = asDfsError(error)
      log.warn({ chunk, server: lease.primary, code }, `a lease could not be ended: ${message}`)
    }
    lease.doubted = true
  }
  // Some server may have a lease and cannot be asked, or we do not know which: under a new version it cannot use it.
  const agreed = await agree(parts, chunk, { suspects: [] })
  leases.end(chunk)
  return agreed !== neverWritten
}
