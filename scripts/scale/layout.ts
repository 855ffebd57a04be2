import { readFileSync, writeFileSync } from 'node:fs'

/** Files in each folder of the tree that fills the master. */
export const FILES_PER_FOLDER = 1_000

export const folderOf = (file: number): string => `folder-${String(Math.floor(file / FILES_PER_FOLDER)).padStart(6, '0')}`
export const nameOf = (file: number): string => `file-${String(file).padStart(9, '0')}`

/** Every file has one full chunk. */
export const CHUNK_BYTES = 64 * 1024 * 1024

/** The version of each chunk by its id, 0 where there is none: what the chunkservers on paper have. */
export function writeVersions(file: string, versions: Float64Array): void {
  writeFileSync(file, new Uint8Array(versions.buffer, versions.byteOffset, versions.byteLength))
}

export function readVersions(file: string): Float64Array {
  const bytes = readFileSync(file)
  return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
}
