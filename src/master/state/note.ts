import { crc32 } from '@node-rs/crc32'
import type { z } from 'zod'
import { DfsError } from '../../protocol/errors.ts'
import { DiskError, type Disk } from '../../seams/disk.ts'

/** Writes a small file so that after any crash the old or the new one is there, whole; durable when it resolves. */
export async function writeNote(disk: Disk, name: string, content: object): Promise<void> {
  const text = JSON.stringify(content)
  const file = disk.open(`${name}.new`, 'create')
  file.truncateNow(0)
  file.writeNow(Buffer.from(`${checksumOf(text)} ${text}\n`), 0)
  await file.sync()
  file.close()
  disk.rename(`${name}.new`, name)
  await disk.syncFolder('')
}

/** @returns nothing where there is no such file @throws DfsError 'journal-failed' it is damaged */
export function readNote<Schema extends z.ZodType>(disk: Disk, name: string, schema: Schema): z.infer<Schema> | undefined {
  const text = textOf(disk, name)
  if (text === undefined) return undefined
  const content = text.slice(9).trimEnd()
  if (checksumOf(content) !== text.slice(0, 8)) throw new DfsError('journal-failed', `${name}: damaged`)
  const parsed = schema.safeParse(JSON.parse(content))
  if (!parsed.success) throw new DfsError('journal-failed', `${name}: of a format not known here: ${parsed.error.message}`)
  return parsed.data
}

function textOf(disk: Disk, name: string): string | undefined {
  try {
    const file = disk.open(name, 'existing')
    const bytes = Buffer.alloc(file.sizeBytes())
    file.readNow(bytes, 0)
    file.close()
    return bytes.toString()
  } catch (error) {
    if (error instanceof DiskError && error.code === 'ENOENT') return undefined
    throw error
  }
}

function checksumOf(text: string): string {
  return crc32(text).toString(16).padStart(8, '0')
}
