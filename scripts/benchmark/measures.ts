import { execFileSync } from 'node:child_process'
import {
  closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, renameSync, statSync,
  unlinkSync, writeFileSync, writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { numbersFrom, patternBytes } from './bytes.ts'
import { MiB, runStream, runStreams, type Stream } from './stream.ts'
import type { SourceTree } from './tree.ts'

/** What one measurement works on. */
export interface Bench {
  /** An empty folder of the file system measured, shared by all measurements of a run. */
  folder: string
  sizes: Sizes
  tree: () => SourceTree
}

export interface Sizes {
  bigBytes: number
  /** Of each of the parallel streams. */
  streamBytes: number
  randomReads: number
  randomWrites: number
  syncedWrites: number
  smallFiles: number
  folders: number
}

export const fullSizes: Sizes = {
  bigBytes: 512 * MiB, streamBytes: 128 * MiB, randomReads: 4_000, randomWrites: 8_000, syncedWrites: 500,
  smallFiles: 2_000, folders: 1_000,
}
export const quickSizes: Sizes = {
  bigBytes: 32 * MiB, streamBytes: 8 * MiB, randomReads: 500, randomWrites: 500, syncedWrites: 50,
  smallFiles: 200, folders: 100,
}

export type Unit = 'MB/s' | '1/s' | 's'

export interface Measure {
  name: string
  title: string
  unit: Unit
  /** Not timed: makes what the measurement needs and an earlier one (perhaps left out) would have made. */
  prepare?: (bench: Bench) => void | Promise<void>
  /** Starts with a kernel that has forgotten what it cached. */
  cold?: true
  /** Not timed, after forgetting: brings back what is not of the file system measured. */
  warm?: (bench: Bench) => void
  /** Timed. @returns the bytes moved or operations done; nothing matters for 's' */
  run: (bench: Bench) => number | Promise<Streamed>
}

/** Times itself: starting threads is no part of what is measured. */
export interface Streamed {
  amount: number
  seconds: number
}

const PAGE = 4_096
const STREAMS = 4
const SMALL_PER_FOLDER = 100

const big = (bench: Bench): string => join(bench.folder, 'big')
const bigStream = (bench: Bench, kind: Stream['kind']): Stream =>
  ({ kind, file: big(bench), bytes: bench.sizes.bigBytes, seed: kind === 'rewrite' ? 2 : 1 })
function needBig(bench: Bench): void {
  if (!existsSync(big(bench))) runStream(bigStream(bench, 'write'))
}

const streams = ({ folder, sizes }: Bench, kind: Stream['kind']): Stream[] =>
  Array.from({ length: STREAMS }, (_, index) =>
    ({ kind, file: join(folder, `stream-${String(index)}`), bytes: sizes.streamBytes, seed: 10 + index }))

async function timedStreams(bench: Bench, kind: Stream['kind']): Promise<Streamed> {
  return { seconds: await runStreams(streams(bench, kind)), amount: STREAMS * bench.sizes.streamBytes }
}

const smallFolders = ({ folder, sizes }: Bench): string[] =>
  Array.from({ length: Math.ceil(sizes.smallFiles / SMALL_PER_FOLDER) }, (_, index) => join(folder, `small-${String(index)}`))
const smallNames = Array.from({ length: SMALL_PER_FOLDER }, (_, index) => `file-${String(index)}`)
const smallPaths = (bench: Bench): string[] => smallFolders(bench).flatMap(folder => smallNames.map(name => join(folder, name)))

function makeSmall(bench: Bench): number {
  const contents = patternBytes(PAGE, 3)
  for (const folder of smallFolders(bench)) mkdirSync(folder, { recursive: true })
  for (const path of smallPaths(bench)) writeFileSync(path, contents)
  return smallPaths(bench).length
}
function needSmall(bench: Bench): void {
  if (!existsSync(smallPaths(bench)[0] ?? '')) makeSmall(bench)
}

const treeCopy = ({ folder }: Bench): string => join(folder, 'tree')
function untar(bench: Bench): number {
  mkdirSync(treeCopy(bench), { recursive: true })
  execFileSync('tar', ['-xf', bench.tree().archive, '-C', treeCopy(bench)])
  return 1
}
function needTree(bench: Bench): void {
  if (!existsSync(treeCopy(bench))) untar(bench)
}

/** Writes pages at random places of the big file. */
function writePages(bench: Bench, count: number, each: (fd: number) => void): number {
  const random = numbersFrom(99)
  const page = patternBytes(PAGE, 5)
  const fd = openSync(big(bench), 'r+')
  for (let done = 0; done < count; done++) {
    writeSync(fd, page, 0, PAGE, random(bench.sizes.bigBytes / PAGE) * PAGE)
    each(fd)
  }
  fsyncSync(fd)
  closeSync(fd)
  return count
}

/** Everything measured, in the order in which it is. */
export const measures: readonly Measure[] = [
  {
    name: 'seq-write', title: 'write one file, 1 MiB blocks, fsync', unit: 'MB/s',
    run: bench => { runStream(bigStream(bench, 'write')); return bench.sizes.bigBytes },
  },
  {
    name: 'seq-rewrite', title: 'write it again in place, fsync', unit: 'MB/s', prepare: needBig,
    run: bench => { runStream(bigStream(bench, 'rewrite')); return bench.sizes.bigBytes },
  },
  {
    name: 'seq-read', title: 'read it, cold', unit: 'MB/s', prepare: needBig, cold: true,
    run: bench => { runStream(bigStream(bench, 'read')); return bench.sizes.bigBytes },
  },
  {
    name: 'par-write', title: '4 writers, each its own file, fsync', unit: 'MB/s',
    run: bench => timedStreams(bench, 'write'),
  },
  {
    name: 'par-read', title: '4 readers, each its own file, cold', unit: 'MB/s', cold: true,
    prepare: async bench => { if (!existsSync(join(bench.folder, 'stream-0'))) await runStreams(streams(bench, 'write')) },
    run: bench => timedStreams(bench, 'read'),
  },
  {
    name: 'rand-read', title: '4 KiB reads at random places, cold', unit: '1/s', prepare: needBig, cold: true,
    run: bench => {
      const random = numbersFrom(42)
      const page = Buffer.alloc(PAGE)
      const fd = openSync(big(bench), 'r')
      for (let done = 0; done < bench.sizes.randomReads; done++) {
        readSync(fd, page, 0, PAGE, random(bench.sizes.bigBytes / PAGE) * PAGE)
      }
      closeSync(fd)
      return bench.sizes.randomReads
    },
  },
  {
    name: 'rand-write', title: '4 KiB writes at random places, one fsync', unit: '1/s', prepare: needBig,
    run: bench => writePages(bench, bench.sizes.randomWrites, () => {}),
  },
  {
    name: 'sync-write', title: '4 KiB write and fsync', unit: '1/s', prepare: needBig,
    run: bench => writePages(bench, bench.sizes.syncedWrites, fsyncSync),
  },
  { name: 'create', title: 'create and write 4 KiB files', unit: '1/s', run: makeSmall },
  {
    name: 'stat', title: 'stat, cold', unit: '1/s', prepare: needSmall, cold: true,
    run: bench => smallPaths(bench).map(path => statSync(path)).length,
  },
  {
    name: 'list', title: 'list folders and stat all in them, cold', unit: '1/s', prepare: needSmall, cold: true,
    run: bench => smallFolders(bench)
      .flatMap(folder => readdirSync(folder).map(name => statSync(join(folder, name)))).length,
  },
  {
    name: 'read-small', title: 'read 4 KiB files, cold', unit: '1/s', prepare: needSmall, cold: true,
    run: bench => smallPaths(bench).map(path => readFileSync(path).length).length,
  },
  {
    name: 'rename', title: 'rename files', unit: '1/s', prepare: needSmall,
    run: bench => {
      for (const path of smallPaths(bench)) renameSync(path, `${path}.renamed`)
      return smallPaths(bench).length
    },
  },
  {
    name: 'unlink', title: 'remove files', unit: '1/s',
    prepare: bench => { if (!smallFolders(bench).some(folder => existsSync(folder))) makeSmall(bench) },
    run: bench => {
      let count = 0
      for (const folder of smallFolders(bench)) {
        for (const name of readdirSync(folder)) {
          unlinkSync(join(folder, name))
          count++
        }
      }
      return count
    },
  },
  {
    name: 'mkdir', title: 'make folders', unit: '1/s',
    run: bench => {
      for (let index = 0; index < bench.sizes.folders; index++) mkdirSync(join(bench.folder, `folder-${String(index)}`))
      return bench.sizes.folders
    },
  },
  { name: 'untar', title: 'unpack a source tree (1,943 files, 19 MB)', unit: 's', run: untar },
  {
    name: 'diff', title: 'diff -r with the original, cold', unit: 's', prepare: needTree, cold: true,
    warm: bench => { execFileSync('tar', ['-cf', '-', '-C', bench.tree().folder, '.'], { maxBuffer: 64 * MiB }) },
    run: bench => { execFileSync('diff', ['-r', bench.tree().folder, treeCopy(bench)]); return 1 },
  },
  {
    name: 'rm', title: 'rm -rf the tree', unit: 's', prepare: needTree,
    run: bench => { execFileSync('rm', ['-rf', treeCopy(bench)]); return 1 },
  },
]
