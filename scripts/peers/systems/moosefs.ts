import { copyFileSync, mkdirSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ADDRESS } from '../apart.ts'
import { eventually } from '../../clusters/processes.ts'
import { run, serve, succeeds, type System } from './system.ts'

const MASTER_PORT = 9421
const CHUNKSERVERS = [9522, 9622, 9722]
const REPLICAS = 3

const needed = {
  packages: ['moosefs-master', 'moosefs-chunkserver', 'moosefs-client', 'moosefs-cli'],
  programs: ['mfsmaster', 'mfschunkserver', 'mfsmount', 'mfssetgoal', 'mfscli'],
}

/** MooseFS as Debian ships it, and what makes it promise as much as we do: its defaults sync neither data nor names. */
export const moosefs: System = { title: 'MooseFS', needed, start: folder => start(folder, false) }
export const moosefsSynced: System = { title: 'MooseFS, synced', needed, start: folder => start(folder, true) }

async function start(folder: string, synced: boolean): ReturnType<System['start']> {
  const data = join(folder, 'master')
  mkdirSync(data)
  copyFileSync('/var/lib/mfs/metadata.mfs.empty', join(data, 'metadata.mfs'))
  const users = { WORKING_USER: 'root', WORKING_GROUP: 'root' }
  await serve({
    command: 'mfsmaster', log: join(folder, 'master.log'), serves: () => listens(MASTER_PORT), args: ['-f', '-c', settingsFile(
      folder, 'master.cfg', {
        ...users, DATA_PATH: data, EXPORTS_FILENAME: file(folder, 'exports.cfg', '* / rw,alldirs,admin,maproot=0'),
        TOPOLOGY_FILENAME: file(folder, 'topology.cfg', ''), ...synced ? { CHANGELOG_SAVE_MODE: 2 } : {},
      }), 'start'],
  })
  await Promise.all(CHUNKSERVERS.map(port => {
    const place = join(folder, `chunkserver-${String(port)}`)
    mkdirSync(join(place, 'chunks'), { recursive: true })
    return serve({
      command: 'mfschunkserver', log: join(place, 'log'), serves: () => listens(port), args: ['-f', '-c', settingsFile(
        place, 'chunkserver.cfg', {
          ...users, DATA_PATH: place, HDD_CONF_FILENAME: file(place, 'hdd.cfg', join(place, 'chunks')), MASTER_HOST: ADDRESS,
          BIND_HOST: ADDRESS, CSSERV_LISTEN_HOST: ADDRESS, CSSERV_LISTEN_PORT: port,
          ...synced ? { HDD_FSYNC_BEFORE_CLOSE: 1 } : {},
        }), 'start'],
    })
  }))
  const mountpoint = join(folder, 'mnt')
  mkdirSync(mountpoint)
  run('mfsmount', [mountpoint, '-H', ADDRESS])
  run('mfssetgoal', ['-r', String(REPLICAS), mountpoint])
  // Else whatever one run removes stays on the disk during the next ones.
  run('mfssettrashtime', ['-r', '0', mountpoint])
  await allServersThere(mountpoint)
  return {
    mountpoint, version: run('mfsmaster', ['-v']).replace(/^version: ([^ ]+).*/s, 'MooseFS $1'),
    remount: `umount '${mountpoint}' && mfsmount '${mountpoint}' -H ${ADDRESS}`,
    settings: [
      '3 chunkservers, goal 3, trash time 0, otherwise defaults',
      synced ? 'HDD_FSYNC_BEFORE_CLOSE = 1, CHANGELOG_SAVE_MODE = 2: chunks are synced when closed, names when logged'
        : 'defaults sync neither chunks (HDD_FSYNC_BEFORE_CLOSE = 0) nor names (CHANGELOG_SAVE_MODE = 0)',
    ],
  }
}

/** A first file shows it: the master gives a chunk as many copies as it sees servers. Their space it learns later. */
async function allServersThere(mountpoint: string): Promise<void> {
  const probe = join(mountpoint, 'probe')
  const there = await eventually(() => {
    writeFileSync(probe, 'probe')
    const copies = run('mfsfileinfo', [probe]).match(/copy \d+:/g) ?? []
    run('rm', [probe])
    return copies.length === REPLICAS && statfsSync(mountpoint).bavail > 0
  }, 60_000)
  if (!there) throw new Error(`MooseFS does not make ${String(REPLICAS)} copies`)
}

const listens = (port: number): boolean => succeeds('sh', ['-c', `ss -Hltn 'sport = :${String(port)}' | grep -q .`])

function file(folder: string, name: string, text: string): string {
  writeFileSync(join(folder, name), `${text}\n`)
  return join(folder, name)
}

function settingsFile(folder: string, name: string, settings: Readonly<Record<string, string | number>>): string {
  return file(folder, name, Object.entries(settings).map(([key, value]) => `${key} = ${String(value)}`).join('\n'))
}
