import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { mountTable } from '../../../src/fuse/kernel/mount-table.ts'
import { runToEnd, type Ended } from '../kernel/mounted.ts'

const script = path.join(import.meta.dirname, 'memory-mount.ts')

export interface Place {
  directory: string
  mount: (...args: string[]) => Promise<Ended>
  /** What the process in the background wrote last: its number, or how it ended. */
  note: () => Promise<string>
  pid: () => Promise<number>
}

/** A directory to mount on. What is mounted there goes away with the test. */
export async function place(t: Test): Promise<Place> {
  const folder = await mkdtemp(path.join(tmpdir(), 'dfs-mount-'))
  const directory = path.join(folder, 'm p')
  const notes = path.join(folder, 'notes')
  await mkdir(directory)
  const note = (): Promise<string> => readFile(notes, 'utf8').then(text => text.trim(), () => '')
  t.teardown(async () => {
    const pid = Number(await note())
    if (pid > 0) try { process.kill(pid, 'SIGKILL') } catch { /* it has ended */ }
    await runToEnd('umount', ['-i', '-l', directory])
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  })
  return {
    directory, note,
    mount: (...args) => runToEnd(process.execPath, [script, ...args], { env: { DFS_TEST_NOTES: notes, UV_THREADPOOL_SIZE: '16' } }),
    pid: async () => Number(await note()),
  }
}

/** Tries until it is so; the test's own deadline ends what never becomes so. */
export async function until(check: () => Promise<boolean>): Promise<void> {
  while (!await check()) await sleep(10)
}

/** What is mounted at a directory: type and source of each. */
export const mountsAt = async (directory: string): Promise<string[]> => (await mountTable())
  .filter(({ mountPoint }) => mountPoint === directory).map(({ fileSystem, source }) => `${fileSystem} ${source}`)
