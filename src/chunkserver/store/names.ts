import type { ChunkId } from '../../protocol/identifiers.ts'

export const ROOT = 'chunks'

/** Where a replica is. */
export interface ReplicaNames {
  folder: string
  file: string
}

/** Chunks that were made one after the other share a folder: syncing it once makes the names of all of them durable. */
const CHUNKS_IN_A_ROW = 256
const FOLDERS = Array.from({ length: 256 }, (_, index) => `${ROOT}/${index.toString(16).padStart(2, '0')}`)

export function namesOf(chunk: ChunkId): ReplicaNames {
  const folder = FOLDERS[Math.floor(chunk / CHUNKS_IN_A_ROW) % FOLDERS.length] ?? ROOT
  return { folder, file: `${folder}/${String(chunk)}.replica` }
}

/** Of a replica that is being copied and counts for nothing yet. */
export function temporaryNamesOf(chunk: ChunkId): ReplicaNames {
  const { folder, file } = namesOf(chunk)
  return { folder, file: `${file}.copy` }
}

/** @returns nothing for names that are not a replica's */
export function chunkOf(name: string): ChunkId | undefined {
  const match = /^(\d{1,16})\.replica$/.exec(name)
  return match === null ? undefined : Number(match[1]) as ChunkId
}
