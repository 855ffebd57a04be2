import type { z } from 'zod'
import { DfsError } from '../protocol/errors.ts'
import { DiskError, type Disk } from '../seams/disk.ts'

/** A small JSON file; undefined where there is none. @throws DfsError 'invalid' it is not what it should be */
export function readJson<Schema extends z.ZodType>(disk: Disk, name: string, schema: Schema): z.infer<Schema> | undefined {
  const text = readText(disk, name)
  if (text === undefined) return undefined
  try {
    return schema.parse(JSON.parse(text))
  } catch (error) {
    throw new DfsError('invalid', `${name} in the data folder is damaged: restore it from a backup`, { cause: error })
  }
}

/** Replaces the file as a whole: after a crash either the old or the new one is there. */
export async function writeJson(disk: Disk, name: string, value: unknown): Promise<void> {
  const temporary = `${name}.new`
  disk.remove(temporary)
  const file = disk.open(temporary, 'create')
  try {
    file.writeNow(Buffer.from(`${JSON.stringify(value, null, 2)}\n`), 0)
    await file.sync()
  } finally {
    file.close()
  }
  disk.rename(temporary, name)
  await disk.syncFolder('')
}

function readText(disk: Disk, name: string): string | undefined {
  try {
    const file = disk.open(name, 'existing')
    try {
      const bytes = Buffer.alloc(file.sizeBytes())
      file.readNow(bytes, 0)
      return bytes.toString('utf8')
    } finally {
      file.close()
    }
  } catch (error) {
    if (error instanceof DiskError && error.code === 'ENOENT') return undefined
    throw error
  }
}
