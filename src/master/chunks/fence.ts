import { chunkControlApi } from '../../protocol/chunkserver-api.ts'
import { asDfsError } from '../../protocol/errors.ts'
import type { Checksum } from '../../protocol/checksum.ts'
import type { ChunkId, ChunkVersion } from '../../protocol/identifiers.ts'
import type { Server } from '../servers/server.ts'
import type { ChunkParts } from './parts.ts'

/** What a server said to a fence. 'silent': it may have done it or not. */
export type Fenced =
  | {
    outcome: 'fenced', server: Server, lengthBytes: number, tableChecksum: Checksum, state: 'good' | 'doubtful'
    rememberedSince: ChunkVersion
  }
  | { outcome: 'no replica', server: Server }
  | { outcome: 'silent', server: Server }

export type Member = Extract<Fenced, { outcome: 'fenced' }>

/** Asks one server to move its replica to the version and to refuse mutations under older ones. */
export async function fence(
  parts: Pick<ChunkParts, 'log'>, server: Server,
  { chunk, version, deadlineMs }: { chunk: ChunkId, version: ChunkVersion, deadlineMs: number },
): Promise<Fenced> {
  const link = server.link
  if (link === undefined) return { outcome: 'silent', server }
  try {
    const { reply } = await link.call(chunkControlApi.methods.fence, { chunk, version }, { deadlineMs })
    return { outcome: 'fenced', server, ...reply }
  } catch (error) {
    const { code, message } = asDfsError(error)
    if (code === 'no-such-replica') return { outcome: 'no replica', server }
    parts.log.warn({ chunk, version, server: server.id, code }, `a replica could not be fenced: ${message}`)
    return { outcome: 'silent', server }
  }
}

/** Whether all replicas hold the same bytes. */
export function areAlike(members: readonly Member[]): boolean {
  return members.every(({ lengthBytes, tableChecksum }) =>
    lengthBytes === members[0]?.lengthBytes && tableChecksum === members[0].tableChecksum)
}
