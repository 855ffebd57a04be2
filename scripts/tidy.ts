import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { checkFile, checkSignposts, type Finding } from './tidiness/check.ts'

/** The house rules that neither the compiler nor the linter knows: see scripts/tidiness/rules.ts. */

const root = join(import.meta.dirname, '..')
const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26,
}).split('\0').filter(path => /^(?:src|bin|scripts|test|docs)\//.test(path) && /\.(?:ts|md)$/.test(path))

const findings: Finding[] = []
for (const path of new Set(files)) {
  const file = join(root, path)
  // Deleted but still in git's list.
  if (!existsSync(file) || !statSync(file).isFile()) continue
  findings.push(...checkFile(path, readFileSync(file, 'utf8')))
}

const page = 'docs/architecture.md'
if (existsSync(join(root, page))) {
  findings.push(...checkSignposts(page, readFileSync(join(root, page), 'utf8'), path => existsSync(join(root, path))))
} else {
  findings.push({ text: `${page} is missing`, severity: 'error' })
}

for (const { text, severity } of findings) console.log(severity === 'error' ? text : `warning: ${text}`)
const errors = findings.filter(finding => finding.severity === 'error').length
if (errors > 0) console.log(`${String(errors)} against the house rules`)
process.exit(errors > 0 ? 1 : 0)
