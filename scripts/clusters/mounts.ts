import { readFileSync } from 'node:fs'

/** A FUSE mount as the kernel lists it. */
export interface FuseMount {
  path: string
  /** What was mounted: for ours HOST:PORT[:/subdir]. */
  source: string
  type: string
  /** Its number under /sys/fs/fuse/connections. */
  connection: number
}

// The kernel writes space, tab, newline and backslash as octal numbers.
const unescape = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

/** The FUSE mounts in the text of /proc/PID/mountinfo, the innermost last. */
export function parseFuseMounts(mountinfo: string): FuseMount[] {
  return mountinfo.split('\n').flatMap(line => {
    const [before = '', after = ''] = line.split(' - ')
    const [, , device = '', , path = ''] = before.split(' ')
    const [type = '', source = ''] = after.split(' ')
    if (type !== 'fuse' && !type.startsWith('fuse.')) return []
    return [{ path: unescape(path), source: unescape(source), type, connection: Number(device.split(':')[1]) }]
  })
}

/** The FUSE mounts at or below a folder (an absolute path), those to be unmounted first in front. */
export function fuseMountsUnder(folder: string): FuseMount[] {
  return parseFuseMounts(readFileSync('/proc/self/mountinfo', 'utf8'))
    .filter(mount => mount.path === folder || mount.path.startsWith(`${folder}/`)).reverse()
}

/** The mount on top of exactly this path. */
export function fuseMountAt(path: string): FuseMount | undefined {
  return fuseMountsUnder(path).find(mount => mount.path === path)
}
