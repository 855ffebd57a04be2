import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { release } from 'node:os'
import { run, type System } from './system.ts'

/** A plain directory of the disk that the others use too: what one copy, with no network, can do. */
export const ext4: System = {
  title: 'the disk itself',
  start: folder => {
    const mountpoint = join(folder, 'plain')
    mkdirSync(mountpoint)
    const kind = run('stat', ['--file-system', '--format', '%T', folder]).trim()
    return Promise.resolve({
      mountpoint, version: `${kind}, Linux ${release()}`, settings: ['a directory, one copy, no network'],
    })
  },
}
