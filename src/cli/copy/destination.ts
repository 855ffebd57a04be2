import type { Located } from '../context.ts'

/** The last name of a path of bytes. */
export function lastName(path: Buffer): Buffer {
  let end = path.length
  while (end > 0 && path[end - 1] === 0x2f) end--
  return path.subarray(path.lastIndexOf(0x2f, end - 1) + 1, end)
}

export function joined(folder: Buffer, name: Buffer | string): Buffer {
  const last = typeof name === 'string' ? Buffer.from(name, 'latin1') : name
  return Buffer.concat([folder, Buffer.from('/'), last])
}

/** Where something goes that is put at the target: into it where it is a directory, under its own name. */
export async function insideOf({ paths, path }: Located, source: Buffer): Promise<Buffer> {
  const found = await paths.find(path)
  return found?.type === 'directory' ? joined(path, lastName(source)) : path
}
