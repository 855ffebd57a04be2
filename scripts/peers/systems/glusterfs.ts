import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { ADDRESS } from '../apart.ts'
import { run, serve, succeeds, type System } from './system.ts'

const VOLUME = 'bench'
const ask = (...words: string[]): string => run('gluster', ['--mode=script', ...words])

/** GlusterFS as Debian ships it: one volume of three bricks, each with a copy of everything. */
export const glusterfs: System = {
  title: 'GlusterFS',
  needed: {
    packages: ['glusterfs-server', 'glusterfs-client'], programs: ['glusterd', 'gluster', 'glusterfsd', 'mount.glusterfs'],
  },
  start: async folder => {
    const state = join(folder, 'glusterd')
    const mountpoint = join(folder, 'mnt')
    for (const made of [state, mountpoint, '/run/gluster']) mkdirSync(made, { recursive: true })
    const log = join(folder, 'glusterd.log')
    // What an earlier run left in the state folder names bricks that are gone.
    run('sh', ['-c', 'rm -rf /var/lib/glusterd/vols /var/lib/glusterd/glusterd.info /run/gluster/*'])
    await serve({
      command: 'glusterd', args: ['--no-daemon', `--log-file=${log}`], log,
      serves: () => succeeds('gluster', ['--mode=script', 'volume', 'list']),
    })
    const bricks = [1, 2, 3].map(number => `${ADDRESS}:${join(folder, `brick-${String(number)}`)}`)
    ask('volume', 'create', VOLUME, 'replica', '3', ...bricks, 'force')
    ask('volume', 'start', VOLUME)
    const mount = ['-t', 'glusterfs', `${ADDRESS}:/${VOLUME}`, mountpoint]
    run('mount', mount)
    return {
      mountpoint, version: run('glusterd', ['--version']).split('\n')[0] ?? '',
      settings: ['3 bricks, replica 3, defaults', 'fsync: passed on to all bricks; names are not synced'],
      remount: `umount '${mountpoint}' && mount ${mount.map(word => `'${word}'`).join(' ')}`,
    }
  },
}
