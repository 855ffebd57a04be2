import path from 'node:path'

/** Where a path of this machine lies in a cluster. */
export interface MountedPlace {
  masters: string[]
  /** Inside the file system, from its root. */
  path: string
}

interface Mount {
  mountPoint: string
  /** What of the mounted file system is seen there: "/" unless it is a bind mount of a folder. */
  root: string
  type: string
  source: string
}

const FILE_SYSTEM_TYPE = 'fuse.dfs'

/**
 * Finds the cluster of a path under a mounted dfs.
 * @param mountInfo what /proc/self/mountinfo says @param absolute path without "." and ".."
 * @returns undefined when something else, or nothing, is mounted there
 */
export function placeUnderMount(mountInfo: string, absolute: string): MountedPlace | undefined {
  let best: Mount | undefined
  for (const line of mountInfo.split('\n')) {
    const mount = mountOf(line)
    if (mount === undefined || !isUnder(absolute, mount.mountPoint)) continue
    // Later lines lie above earlier ones.
    if (best === undefined || mount.mountPoint.length >= best.mountPoint.length) best = mount
  }
  if (best?.type !== FILE_SYSTEM_TYPE) return undefined
  const { masters, subdirectory } = sourceOf(best.source)
  const rest = path.posix.relative(best.mountPoint, absolute)
  return { masters, path: path.posix.join('/', subdirectory, best.root, rest) }
}

/** The parts of `HOST:PORT[,HOST:PORT…][:/subdirectory]`. */
export function sourceOf(source: string): { masters: string[], subdirectory: string } {
  const slash = source.indexOf(':/')
  const masters = (slash < 0 ? source : source.slice(0, slash)).split(',').map(each => each.trim()).filter(each => each !== '')
  return { masters, subdirectory: slash < 0 ? '/' : source.slice(slash + 1) }
}

/** A line: id, parent, device, root, mount point, options, optional fields…, "-", type, source, options of the type. */
function mountOf(line: string): Mount | undefined {
  const [before, after] = line.split(' - ', 2)
  const [, , , root, mountPoint] = before?.split(' ') ?? []
  const [type, source] = after?.split(' ') ?? []
  if (root === undefined || mountPoint === undefined || type === undefined || source === undefined) return undefined
  return { mountPoint: plain(mountPoint), root: plain(root), type, source: plain(source) }
}

/** The kernel writes blanks and backslashes as octal numbers of bytes. */
function plain(escaped: string): string {
  return escaped.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))
}

function isUnder(absolute: string, mountPoint: string): boolean {
  return mountPoint === '/' || absolute === mountPoint || absolute.startsWith(`${mountPoint}/`)
}
