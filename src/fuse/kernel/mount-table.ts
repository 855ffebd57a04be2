import { readFile } from 'node:fs/promises'

/** One line of /proc/self/mountinfo. */
export interface MountEntry {
  mountPoint: string
  /** Major and minor device number, as in /sys/class/bdi. */
  device: string
  fileSystem: string
  source: string
}

/** Everything that is mounted, in the order in which it was. */
export async function mountTable(): Promise<MountEntry[]> {
  return parseMountTable(await readFile('/proc/self/mountinfo', 'utf8'))
}

export function parseMountTable(text: string): MountEntry[] {
  const entries: MountEntry[] = []
  for (const line of text.split('\n')) {
    // 36 35 98:0 /root /mount/point options [optional fields] - type source super-options
    const [front = '', back = ''] = line.split(' - ')
    const [, , device, , mountPoint] = front.split(' ')
    const [fileSystem, source] = back.split(' ')
    if (device === undefined || mountPoint === undefined || fileSystem === undefined || source === undefined) continue
    entries.push({ device, mountPoint: unescaped(mountPoint), fileSystem, source: unescaped(source) })
  }
  return entries
}

/** Spaces, tabs, newlines and backslashes come as three octal digits. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)))
}
