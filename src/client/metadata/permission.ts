import type { Attributes, Caller } from '../../protocol/attributes.ts'

/** Whether the caller may look names up in a directory; the master decides all else, this only guards the cache. */
export function maySearch(directory: Attributes, { uid, gid, groups }: Caller): boolean {
  if (uid === 0) return true
  if (uid === directory.uid) return (directory.mode & 0o100) !== 0
  if (gid === directory.gid || groups.includes(directory.gid)) return (directory.mode & 0o010) !== 0
  return (directory.mode & 0o001) !== 0
}
