import type { ChunkLocation } from '../../protocol/chunks.ts'
import type { ChunkId } from '../../protocol/identifiers.ts'
import { limits } from '../../protocol/limits.ts'
import type { Server } from '../servers/server.ts'
import type { FileChunk } from '../state/index.ts'
import { nearestFirst } from './distance.ts'
import type { Replica } from '../replicas/replica.ts'
import type { ChunkParts } from './parts.ts'

/**
 * Where some chunks of a file can be read, best first for somebody on the machine `near`. Chunks that were never written
 * are left out: they are holes.
 */
export async function locate(
  parts: ChunkParts, chunksNow: () => FileChunk[], near: string | undefined,
): Promise<ChunkLocation[]> {
  const { settling } = parts
  let chunks = chunksNow()
  // Right after a start their servers may just not be back yet.
  if (!settling.over && chunks.some(chunk => !readers(parts, chunk).some(({ link }) => link !== undefined))) {
    await settling.settled()
    chunks = chunksNow()
  }
  return located(parts, chunks, near)
}

/** As {@link locate}, for an answer that waits for nothing: none of what is not known for sure right after a start. */
export function locateNow(parts: ChunkParts, chunks: readonly FileChunk[], near: string | undefined): ChunkLocation[] {
  return parts.settling.over ? located(parts, chunks, near) : []
}

function located(parts: ChunkParts, chunks: readonly FileChunk[], near: string | undefined): ChunkLocation[] {
  const { locations } = parts
  return chunks
    .filter(({ chunk }) => locations.of(chunk).length > 0 || !isHole(parts, chunk))
    .map(chunk => {
      const servers = readers(parts, chunk)
      return {
        index: chunk.index, chunk: chunk.chunk, version: chunk.version,
        replicas: nearestFirst(parts, servers, near).slice(0, limits.replicasMax).map(({ shown }) => shown),
        ...(isUnproven(locations.of(chunk.chunk), servers) ? { unproven: true } : {}),
      }
    })
}

/**
 * Whether replicas should be made, and no server has told of one. Those that are back from a power cut, and have not
 * reported yet, may have lost theirs.
 */
function isUnproven(replicas: readonly Replica[], servers: readonly Server[]): boolean {
  return servers.length > 0 && replicas.every(({ state }) => state === 'expected')
    && servers.every(({ link, reported }) => link !== undefined && reported)
}

/** Whether a chunk of which no replica is known never had any. */
function isHole({ locations, table, settling }: ChunkParts, chunk: ChunkId): boolean {
  return locations.isBlank(chunk) || (settling.complete && table.isUnwritten(chunk))
}

/** Servers that may have all acknowledged bytes of the chunk. */
function readers({ locations, servers }: ChunkParts, { chunk, version }: { chunk: ChunkId, version: number }): Server[] {
  const current = locations.of(chunk).filter(replica => replica.version >= version && replica.state !== 'corrupt')
  const trusted = current.filter(({ state }) => state !== 'doubtful')
  const found = (trusted.length > 0 ? trusted : current).flatMap(({ server }) => servers.get(server) ?? [])
  const alive = found.filter(server => servers.stateOf(server) !== 'dead')
  return alive.length > 0 ? alive : found
}
