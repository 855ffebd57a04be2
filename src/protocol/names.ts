import { z } from 'zod'
import { limits } from './limits.ts'

/**
 * File names are bytes, not text. They are kept as strings in which each character stands for one byte (latin1), so that
 * they work as map keys and compare cheaply; {@link nameOfText} and {@link textOf} convert at the edges.
 */
const byteString = (bytesMax: number): z.ZodString => z.string().max(bytesMax).regex(/^[\u0001-\u00ff]*$/)

export const name = byteString(limits.nameBytesMax)
  .refine(value => value !== '' && value !== '.' && value !== '..' && !value.includes('/'), 'not a file name')
  .brand('Name')
export type Name = z.infer<typeof name>

/** What a symbolic link says: bytes without NUL. */
export const linkTarget = byteString(limits.symlinkBytesMax).min(1).brand('LinkTarget')
export type LinkTarget = z.infer<typeof linkTarget>

/** A path inside the file system. */
export const pathBytes = byteString(limits.pathBytesMax)

export const xattrName = byteString(limits.xattrNameBytesMax).min(1).brand('XattrName')
export type XattrName = z.infer<typeof xattrName>

/** UTF-8 text as a string of bytes. */
export function bytesOfText(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** A string of bytes as text for people; bytes that are not UTF-8 come out as U+FFFD. */
export function textOf(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8')
}
