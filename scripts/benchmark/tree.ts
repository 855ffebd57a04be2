import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { numbersFrom, patternBytes } from './bytes.ts'

export interface SourceTree {
  folder: string
  /** Of the same tree. */
  archive: string
  files: number
}

/** As many files and bytes as a mid-sized source tree: 1,943 files, about 19 MB. */
const FILES = 1_943
const FILE_BYTES_MEAN = 9_800

/**
 * A tree like a source tree, the same in every run: most files small, a few large, folders in folders.
 * @param share of the files to make, for quick runs
 * @returns on the local disk, in a temporary folder that the caller removes
 */
export function makeTree(share: number): SourceTree & { temporary: string } {
  const temporary = mkdtempSync(join(tmpdir(), 'dfs-bench-'))
  const folder = join(temporary, 'tree')
  const random = numbersFrom(20_260)
  const contents = patternBytes(1024 * 1024, 7)
  const files = Math.round(FILES * share)
  for (let index = 0; index < files; index++) {
    const place = join(folder, `part-${String(index % 12)}`, ...index % 3 === 0 ? [] : [`unit-${String(index % 72)}`],
      ...index % 5 === 0 ? [`deep/er-${String(index % 9)}`] : [])
    mkdirSync(place, { recursive: true })
    // A product of two even draws: half the files are below 6 KB, the largest near 40.
    const bytes = Math.round(random(1_000) * random(1_000) / 250_000 * FILE_BYTES_MEAN)
    const from = random(contents.length - bytes)
    writeFileSync(join(place, `file-${String(index)}.txt`), contents.subarray(from, from + bytes))
  }
  const archive = join(temporary, 'tree.tar')
  execFileSync('tar', ['-cf', archive, '-C', folder, '.'])
  return { temporary, folder, archive, files }
}
