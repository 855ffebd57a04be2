import type { Entry } from '../entries.ts'

/** An entry in its shortest form: kind, request, then what was decided. The order is for ever. */
export function encodeEntry(
  { kind, request, decided: { atNs, newId, version, chunkSizeBytes, trashMs, newChunk } }: Entry,
): unknown[] {
  return [kind, request, atNs, newId, version, chunkSizeBytes, trashMs, newChunk]
}

/** Its checksum vouches for it, and what was journalled had been validated. */
export function decodeEntry(encoded: unknown): Entry {
  // What was journalled before there was a trash, or a chunk with a new file, ends earlier.
  const [kind, request, atNs, newId, version, chunkSizeBytes, trashMs = 0, newChunk = 0] =
    encoded as [Entry['kind'], Entry['request'], bigint, number, number, number, number?, number?]
  return { kind, request, decided: { atNs, newId, version, chunkSizeBytes, trashMs, newChunk } }
}
