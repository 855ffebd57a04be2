import { join } from 'node:path'
import { runCheck } from './testing/check.ts'
import { planRun, rememberDurations } from './testing/plan.ts'
import { checkLines, countAll, fileLines, lastLine, type CheckResult } from './testing/report.ts'
import { runFile, type FileResult } from './testing/run-file.ts'

/** No test file may take longer, in ms. */
const FILE_MS_MAX = 300_000

/** So many run at a time. */
const TOGETHER = 2

const root = join(import.meta.dirname, '..')
process.chdir(root)
const words = process.argv.slice(2)
if (words.some(word => word.startsWith('-'))) {
  console.log('usage: scripts/test [WORD…]\n' +
    'Type check, lint, house rules and every test file; with words only the files whose path holds one of them.')
  process.exit(words.includes('--help') || words.includes('-h') ? 0 : 2)
}

const checks: CheckResult[] = []
const files: FileResult[] = []

async function check(name: string, args: readonly string[]): Promise<void> {
  const result = await runCheck(name, root, args)
  checks.push(result)
  console.log(checkLines(result))
}

async function runAll(waiting: string[]): Promise<void> {
  await Promise.all(Array.from({ length: TOGETHER }, async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const result = await runFile(file, { deadlineMs: FILE_MS_MAX })
      files.push(result)
      console.log(fileLines(result))
    }
  }))
}

// With words somebody works on one thing and wants it quickly.
if (words.length === 0) {
  await Promise.all([
    check('type check', ['node_modules/typescript/bin/tsc', '--noEmit']),
    check('house rules', ['scripts/tidy.ts']),
  ])
  await check('lint', ['node_modules/eslint/bin/eslint.js', '.'])
}
const plan = planRun(root, words)
if (plan.length === 0) console.log(`no test file holds ${words.join(' or ')} in its path`)
await runAll(plan)
rememberDurations(root, files)

const counts = countAll(checks, files)
console.log(lastLine(counts))
process.exit(counts.failed > 0 || counts.passed === 0 ? 1 : 0)
