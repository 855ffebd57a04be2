import { checksumOf } from '../../protocol/checksum.ts'
import type { ChunkOrigin } from '../../protocol/chunks.ts'
import { chunkserverApi } from '../../protocol/chunkserver-api.ts'
import { DfsError } from '../../protocol/errors.ts'
import type { ChunkId, ChunkVersion, ServerId } from '../../protocol/identifiers.ts'
import { pause } from '../../seams/clock.ts'
import { bounds } from '../config.ts'
import type { Parts } from '../parts.ts'
import type { LocalChunk } from '../primary/local-chunk.ts'

export interface CopyRequest {
  chunk: ChunkId
  version: ChunkVersion
  origin: ChunkOrigin
  from: { server: ServerId, address: string }
  /** Per second, at most; no limit where it is missing. */
  rateBytes?: number | undefined
}

type CopyParts = Pick<Parts, 'store' | 'chunks' | 'links' | 'timing' | 'log' | 'clock'>

/**
 * Fetches a replica from another server, checked piece by piece, and makes it durable. Nobody writes to the chunk
 * meanwhile: the master has fenced it or ended its lease.
 * @throws DfsError 'stale-replica' the chunk has moved on, and what the source or the disk refuses with
 */
export async function copy(parts: CopyParts, request: CopyRequest): Promise<{ lengthBytes: number }> {
  const startedMs = parts.clock.nowMs()
  const copied = await fetchIntoPlace(parts, request, startedMs)
  // The master begins the next copy when it hears of this one, so that small ones keep the pace, too.
  await keepPace(parts, request, { offsetBytes: copied.lengthBytes, startedMs })
  return copied
}

function fetchIntoPlace(parts: CopyParts, request: CopyRequest, startedMs: number): Promise<{ lengthBytes: number }> {
  const { chunk: id, version, origin, from } = request
  const chunk = parts.chunks.at(id)
  return chunk.exclusive(async () => {
    refuseIfFenced(chunk, version)
    await chunk.endOrder()
    // 1. Under another name, so that half a copy is never taken for a replica.
    const copying = parts.store.beginCopy(id, version, origin)
    try {
      const lengthBytes = await fetchAll(parts, request, startedMs, async (offsetBytes, data) => {
        // A fence waits for us: the master has given up on this copy.
        refuseIfFenced(chunk, version)
        await copying.write(offsetBytes, data)
      })
      // 2. Durable and in place in one step, over any older replica of the chunk.
      refuseIfFenced(chunk, version)
      await copying.finish()
      chunk.forgetCommits()
      parts.log.info({ chunk: id, version, from: from.address, lengthBytes }, 'a replica was copied here')
      return { lengthBytes }
    } catch (error) {
      copying.abort()
      throw error
    }
  })
}

function refuseIfFenced({ id, promised }: LocalChunk, version: ChunkVersion): void {
  if (version < promised) throw new DfsError('stale-replica', `chunk ${id} was fenced to version ${promised} meanwhile`)
}

/** Reads the source piece by piece, several at a time. @returns its length */
async function fetchAll(
  parts: CopyParts, request: CopyRequest, startedMs: number,
  write: (offsetBytes: number, data: Buffer) => Promise<void>,
): Promise<number> {
  const first = await fetchPiece(parts, request, 0)
  const lengthBytes = first.replicaLengthBytes
  await write(0, first.data)
  let nextBytes: number = bounds.copyPieceBytes
  const worker = async (): Promise<void> => {
    while (nextBytes < lengthBytes) {
      const offsetBytes = nextBytes
      nextBytes += bounds.copyPieceBytes
      await keepPace(parts, request, { offsetBytes, startedMs })
      const piece = await fetchPiece(parts, request, offsetBytes)
      if (piece.replicaLengthBytes !== lengthBytes) throw changed(request)
      await write(offsetBytes, piece.data)
    }
  }
  const workers = await Promise.allSettled(Array.from({ length: bounds.copyPiecesInFlight }, worker))
  const failed = workers.find(outcome => outcome.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  return lengthBytes
}

/** Waits until bytes up to here may have come. */
async function keepPace(
  { clock }: CopyParts, { rateBytes }: CopyRequest, { offsetBytes, startedMs }: { offsetBytes: number, startedMs: number },
): Promise<void> {
  if (rateBytes === undefined) return
  const dueMs = startedMs + offsetBytes * 1_000 / rateBytes
  const waitMs = dueMs - clock.nowMs()
  if (waitMs > 0) await pause(clock, waitMs)
}

async function fetchPiece(
  { links, timing }: CopyParts, request: CopyRequest, offsetBytes: number,
): Promise<{ data: Buffer, replicaLengthBytes: number }> {
  const { chunk, version, from } = request
  const link = await links.link(from.address, 'bulk')
  const { reply, payload } = await link.call(chunkserverApi.methods.read,
    { chunk, version, offsetBytes, lengthBytes: bounds.copyPieceBytes }, { deadlineMs: timing.transferMs })
  if (reply.version !== version) throw changed(request)
  if (checksumOf(payload) !== reply.checksum) {
    throw new DfsError('bad-message', `a piece of chunk ${chunk} does not match its checksum: damaged on the way`)
  }
  const expectedBytes = Math.max(0, Math.min(bounds.copyPieceBytes, reply.replicaLengthBytes - offsetBytes))
  if (payload.length !== expectedBytes) throw changed(request)
  return { data: payload, replicaLengthBytes: reply.replicaLengthBytes }
}

function changed({ chunk, version }: CopyRequest): DfsError {
  return new DfsError('stale-replica', `chunk ${chunk} changed under version ${version} while it was copied`)
}
