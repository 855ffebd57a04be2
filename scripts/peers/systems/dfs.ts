import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { run, type System } from './system.ts'

const root = join(import.meta.dirname, '../../..')
const cluster = join(root, 'scripts/cluster')

/** Ours, as scripts/cluster starts it. */
export const dfs: System = {
  title: 'dfs',
  start: folder => {
    const mountpoint = join(folder, 'mnt')
    const dir = join(folder, 'cluster')
    run(cluster, ['up', '--dir', dir, '--mount', mountpoint, '--chunkservers', '3', '--replicas', '3',
      '--master-option=--trash-time=0', '--quiet'])
    const { version } = z.object({ version: z.string() }).parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')))
    return Promise.resolve({
      mountpoint, version,
      settings: [
        '3 chunkservers, 3 replicas, no trash, otherwise defaults',
        'fsync: on stable storage on all three; names: journal synced before the answer',
      ],
      remount: `umount '${mountpoint}' && '${cluster}' up --dir '${dir}' --quiet`,
    })
  },
}
