import { asDfsError } from '../protocol/errors.ts'

/** What people know these errors as. Any other speaks for itself. */
const known: Record<string, string> = {
  EPERM: 'Operation not permitted',
  ENOENT: 'No such file or directory',
  EACCES: 'Permission denied',
  EEXIST: 'File exists',
  ENOTDIR: 'Not a directory',
  EISDIR: 'Is a directory',
  ENOTEMPTY: 'Directory not empty',
  EFBIG: 'File too large',
  ENAMETOOLONG: 'File name too long',
  EROFS: 'Read-only file system',
  ELOOP: 'Too many levels of symbolic links',
  ENOSPC: 'No space left',
}

/** What to say of an error, ours or the system's. */
export function wordingOf(error: unknown): string {
  if (error instanceof Error && 'syscall' in error && 'code' in error) return known[String(error.code)] ?? error.message
  const ours = asDfsError(error)
  return known[ours.errno] ?? ours.message
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** Bytes as people read them: 1.5 MiB. */
export function sizeText(bytes: number): string {
  let unit = 0
  let value = bytes
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  const text = unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1).replace(/\.0$/, '')
  return `${text} ${units[unit] ?? ''}`
}

const typeLetters: Record<string, string> = {
  'file': '-', 'directory': 'd', 'symlink': 'l', 'fifo': 'p', 'socket': 's', 'character-device': 'c', 'block-device': 'b',
}

/** drwxr-sr-t, as ls shows it. */
export function modeText(type: string, mode: number): string {
  const set = (bit: number, letter: string): string => (mode & bit) === 0 ? '-' : letter
  const execute = (bit: number, special: number, letter: string): string => {
    if ((mode & special) === 0) return set(bit, 'x')
    return (mode & bit) === 0 ? letter.toUpperCase() : letter
  }
  return (typeLetters[type] ?? '?')
    + set(0o400, 'r') + set(0o200, 'w') + execute(0o100, 0o4000, 's')
    + set(0o040, 'r') + set(0o020, 'w') + execute(0o010, 0o2000, 's')
    + set(0o004, 'r') + set(0o002, 'w') + execute(0o001, 0o1000, 't')
}

/** 2026-01-31 12:34:56, in the time of this machine. */
export function timeText(ns: bigint): string {
  const date = new Date(Number(ns / 1_000_000n))
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${String(date.getFullYear())}-${two(date.getMonth() + 1)}-${two(date.getDate())} `
    + `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

/** 3 d 4 h, 5 min, 12 s: the two largest units. */
export function durationText(ms: number): string {
  const parts = [[86_400_000, 'd'], [3_600_000, 'h'], [60_000, 'min'], [1_000, 's']] as const
  let left = ms
  const words: string[] = []
  for (const [unitMs, unit] of parts) {
    const count = Math.floor(left / unitMs)
    left -= count * unitMs
    if (count > 0) words.push(`${String(count)} ${unit}`)
  }
  return words.length === 0 ? '0 s' : words.slice(0, 2).join(' ')
}
