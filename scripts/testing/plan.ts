import { globSync, readFileSync, statSync, writeFileSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Test files that mount or start clusters: they mostly wait, and come when nothing computes any more. */
const WAITING = /^test\/(cluster|fuse\/kernel|fuse\/fuse-native|fuse\/mount|fuse\/command)\//

/** Where the last run's durations are kept, so that the longest files start first. */
const durationsFile = (root: string): string => join(root, 'node_modules/.cache/dfs/test-seconds.json')

/**
 * The test files whose path holds one of the words (all, without words): those that compute, then those that wait; of each
 * the longest first.
 */
export function planRun(root: string, words: readonly string[]): string[] {
  const seconds = readDurations(root)
  // A file never timed before goes by its length: coarse, but a long file is seldom a quick one.
  const weight = (file: string): number => seconds[file] ?? statSync(join(root, file)).size / 5_000
  const files = globSync('test/**/*.test.ts', { cwd: root })
    .filter(file => words.length === 0 || words.some(word => file.includes(word)))
    .sort((a, b) => weight(b) - weight(a) || a.localeCompare(b))
  return [...files.filter(file => !WAITING.test(file)), ...files.filter(file => WAITING.test(file))]
}

export function rememberDurations(root: string, ran: readonly { file: string, seconds: number }[]): void {
  const file = durationsFile(root)
  mkdirSync(dirname(file), { recursive: true })
  const all = { ...readDurations(root), ...Object.fromEntries(ran.map(result => [result.file, result.seconds])) }
  writeFileSync(file, JSON.stringify(all))
}

function readDurations(root: string): Record<string, number> {
  try {
    const parsed: unknown = JSON.parse(readFileSync(durationsFile(root), 'utf8'))
    if (typeof parsed !== 'object' || parsed === null) return {}
    return Object.fromEntries(Object.entries(parsed).filter(entry => typeof entry[1] === 'number'))
  } catch {
    return {} // The first run.
  }
}
