import type { ServerAddress } from '../../protocol/chunks.ts'
import { checksumOf } from '../../protocol/checksum.ts'
import { chunkserverPeerApi } from '../../protocol/chunkserver-api.ts'
import { isError } from '../../protocol/errors.ts'
import { limits } from '../../protocol/limits.ts'
import type { Parts } from '../parts.ts'
import type { ApplyRequest } from './apply.ts'

/**
 * Has a secondary apply a mutation. Where it does not hold the push that the mutation names, it is sent the bytes.
 * @throws DfsError what the secondary refused with, or why it could not be reached
 */
export async function replicate(
  parts: Pick<Parts, 'links' | 'timing' | 'log'>, peer: ServerAddress, request: ApplyRequest, data: Buffer,
): Promise<void> {
  try {
    await send(parts, peer, request, request.source.from === 'payload' ? data : undefined)
  } catch (error) {
    if (request.source.from !== 'push' || !isError(error, 'push-unknown')) throw error
    parts.log.debug({ peer: peer.address, chunk: request.chunk, why: error.message }, 'sending the bytes of a push again')
    await send(parts, peer, { ...request, source: { from: 'payload', checksum: checksumOf(data) } }, data)
  }
}

async function send(
  { links, timing }: Pick<Parts, 'links' | 'timing'>, peer: ServerAddress, request: ApplyRequest, data: Buffer | undefined,
): Promise<void> {
  const lane = data !== undefined && data.length > limits.inlineBytesMax ? 'bulk' : 'control'
  const link = links.ready(peer.address, lane) ?? await links.link(peer.address, lane)
  await link.call(chunkserverPeerApi.methods.apply, request, {
    deadlineMs: timing.applyMs + (request.sync ? timing.syncMs : 0), ...(data === undefined ? {} : { payload: [data] }),
  })
}
