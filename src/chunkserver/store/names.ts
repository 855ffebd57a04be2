import type { ChunkId } from '../../protocol/identifiers.ts'

export const ROOT = 'chunks'

/** Where a replica's two files are. */
export interface ReplicaNames {
  folder: string
  data: string
  meta: string
}

export function namesOf(chunk: ChunkId): ReplicaNames {
  const folder = `${ROOT}/${(chunk % 256).toString(16).padStart(2, '0')}`
  return { folder, data: `${folder}/${String(chunk)}.data`, meta: `${folder}/${String(chunk)}.meta` }
}

/** Of a replica that is being copied and counts for nothing yet. */
export function temporaryNamesOf(chunk: ChunkId): ReplicaNames {
  const { folder, data, meta } = namesOf(chunk)
  return { folder, data: `${data}.copy`, meta: `${meta}.copy` }
}

/** @returns nothing for names that are not a replica's */
export function chunkOf(name: string): { chunk: ChunkId, part: 'data' | 'meta' } | undefined {
  const match = /^(\d{1,16})\.(data|meta)$/.exec(name)
  if (match === null) return undefined
  return { chunk: Number(match[1]) as ChunkId, part: match[2] === 'data' ? 'data' : 'meta' }
}
