/**
 * Keys of the one LMDB tree: a table's number, then big-endian ids, then the bytes of a name, so that what is read
 * together lies together and a directory's order is the order of its names' bytes. Numbers are for ever.
 */
export const Table = {
  counters: 0, inode: 1, entry: 2, chunk: 3, fileChunk: 4, xattr: 5, target: 6, orphan: 7, session: 8, result: 9, trim: 10,
  trash: 11, trashDue: 12, trashPath: 13, directoryName: 14,
  draining: 15, unwritten: 16, tailCut: 17,
} as const
export type Table = (typeof Table)[keyof typeof Table]

const ID_BYTES = 8

export function tableKey(table: Table): Buffer {
  return Buffer.from([table])
}

export function idKey(table: Table, id: number): Buffer {
  const key = Buffer.allocUnsafe(1 + ID_BYTES)
  key[0] = table
  writeId(key, id, 1)
  return key
}

export function pairKey(table: Table, id: number, second: number): Buffer {
  const key = Buffer.allocUnsafe(1 + 2 * ID_BYTES)
  key[0] = table
  writeId(key, id, 1)
  writeId(key, second, 1 + ID_BYTES)
  return key
}

export function nameKey(table: Table, id: number, name: string): Buffer {
  const key = Buffer.allocUnsafe(1 + ID_BYTES + name.length)
  key[0] = table
  writeId(key, id, 1)
  key.write(name, 1 + ID_BYTES, 'latin1')
  return key
}

/** The id behind the table's number. */
export function idIn(key: Uint8Array): number {
  return readId(key, 1)
}

export function secondIdIn(key: Uint8Array): number {
  return readId(key, 1 + ID_BYTES)
}

export function nameIn(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1', 1 + ID_BYTES)
}

/** Ids are safe integers: 53 bits. */
export function writeId(into: Buffer, id: number, at: number): void {
  into.writeUInt32BE(Math.floor(id / 2 ** 32), at)
  into.writeUInt32BE(id % 2 ** 32, at + 4)
}

function readId(from: Uint8Array, at: number): number {
  return word(from, at) * 2 ** 32 + word(from, at + 4)
}

function word(from: Uint8Array, at: number): number {
  return ((from[at] ?? 0) * 2 ** 24) + (((from[at + 1] ?? 0) << 16) | ((from[at + 2] ?? 0) << 8) | (from[at + 3] ?? 0))
}
