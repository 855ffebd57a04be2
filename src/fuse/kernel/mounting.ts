import { spawn } from 'node:child_process'
import fs from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { codeOf, Device } from './device.ts'
import { WRITE_BYTES_MAX } from './buffers.ts'
import { mountTable } from './mount-table.ts'

/** What mounts of ours are called in /proc/self/mountinfo. */
export const FILE_SYSTEM_TYPE = 'fuse.dfs'

/** How far the kernel reads ahead of a sequential reader: several requests of the biggest size. */
const READ_AHEAD_KIB = 4096

export class MountError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'MountError'
  }
}

/** @throws MountError */
export function openDevice(): Device {
  try {
    return new Device(fs.openSync('/dev/fuse', fs.constants.O_RDWR))
  } catch (error) {
    switch (codeOf(error)) {
      case 'ENOENT':
      case 'ENODEV':
      case 'ENXIO': throw new MountError(
        'there is no /dev/fuse: load the fuse module (modprobe fuse), or give the container the device')
      case 'EACCES':
      case 'EPERM': throw new MountError('not allowed to open /dev/fuse: only root may mount this way')
      default: throw error
    }
  }
}

/**
 * Mounts the device at a directory; whoever serves it must do so meanwhile.
 * @param source what the mount table shows as the origin @param options of mount(8), such as `ro`
 * @throws MountError
 */
export async function mountDevice(
  device: Device, { source, mountPoint, allowOther, options }:
  { source: string, mountPoint: string, allowOther: boolean, options: readonly string[] },
): Promise<void> {
  const all = [
    'fd=3', 'rootmode=40000', `user_id=${String(process.getuid?.() ?? 0)}`, `group_id=${String(process.getgid?.() ?? 0)}`,
    'default_permissions', `max_read=${String(WRITE_BYTES_MAX)}`, ...allowOther ? ['allow_other'] : [], ...options,
  ]
  const { status, complaint } = await run(
    'mount', ['-i', '-c', '-t', FILE_SYSTEM_TYPE, '-o', all.join(','), '--', source, mountPoint], device.fd)
  if (status !== 0) throw new MountError(complaint || `mount ended with ${String(status)}`)
}

/** Lets the kernel read as far ahead as our requests are big. Without the right to do so, reads are slower, not wrong. */
export async function widenReadAhead(mountPoint: string): Promise<void> {
  const entry = (await mountTable()).findLast(entry => entry.mountPoint === mountPoint)
  if (entry === undefined) return
  await writeFile(`/sys/class/bdi/${entry.device}/read_ahead_kb`, String(READ_AHEAD_KIB)).catch(() => undefined)
}

/**
 * Takes the mount away. The kernel asks the file system while it does, so it must still be served.
 * @param how 'idle' refuses where files are open; 'lazy' hides the mount until they are closed; 'force' ends the
 * conversation with the kernel as well: who waits for an answer gets an error
 * @returns whether it is gone
 */
export async function unmount(mountPoint: string, how: 'idle' | 'lazy' | 'force'): Promise<boolean> {
  if (process.getuid?.() !== 0) {
    const { status } = await run('fusermount3', ['-u', ...how === 'idle' ? [] : ['-z'], '--', mountPoint])
    return status === 0
  }
  const flags = { idle: [], lazy: ['-l'], force: ['-f', '-l'] }[how]
  const { status } = await run('umount', ['-i', '-c', ...flags, '--', mountPoint])
  return status === 0
}

/** Runs a command without waiting for it in this thread: the file system must go on answering. */
function run(command: string, args: string[], third?: number): Promise<{ status: number, complaint: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'ignore', 'pipe', ...third === undefined ? [] : [third]], env: { ...process.env, LC_ALL: 'C' },
    })
    let complaint = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => { complaint += text })
    child.once('error', error => { reject(new MountError(`${command}: ${error.message}`)) })
    child.once('close', status => { resolve({ status: status ?? 1, complaint: complaint.trim() }) })
  })
}
