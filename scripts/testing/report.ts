import { inspect } from 'node:util'
import { isGood, type FileResult } from './run-file.ts'

/** A check that is not a test file: the type checker, the linter, the house rules. */
export interface CheckResult {
  name: string
  ok: boolean
  seconds: number
  output: string
}

const indent = (text: string): string => text.trimEnd().split('\n').map(line => `      ${line}`).join('\n')

export function checkLines({ name, ok, seconds, output }: CheckResult): string {
  const line = `${ok ? 'ok  ' : 'FAIL'}  ${name.padEnd(64)} ${seconds.toFixed(1).padStart(12)} s`
  return ok ? line : `${line}\n${indent(output)}`
}

/** One line for a good file; what failed, and how, for any other. */
export function fileLines(result: FileResult): string {
  const { file, passed, seconds, failures, trouble, left, skipped } = result
  const mark = isGood(result) ? 'ok  ' : 'FAIL'
  const lines = [`${mark}  ${file.padEnd(64)} ${String(passed).padStart(5)} ${seconds.toFixed(1).padStart(6)} s` +
    (skipped > 0 ? `  ${String(skipped)} skipped` : '')]
  for (const what of left) lines.push(`      left behind, ended now: ${what}`)
  for (const { name, detail } of failures) {
    lines.push(`    not ok: ${name}`)
    if (detail !== null && detail !== undefined) lines.push(indent(detailText(detail)))
  }
  for (const what of trouble) lines.push(`    ${what}`)
  if (!isGood(result) && result.errorOutput !== '') {
    lines.push('    the end of its standard error:', indent(result.errorOutput))
  }
  return lines.join('\n')
}

function detailText(detail: unknown): string {
  if (typeof detail !== 'object' || detail === null) return String(detail)
  return Object.entries(detail)
    .filter(([key]) => key !== 'source')
    .map(([key, value]) => `${key}: ${typeof value === 'string' ? value : inspect(value, { depth: 5, breakLength: 110 })}`)
    .join('\n')
}

/** What counts: every assertion, every file as a whole, and every check. */
export function countAll(checks: readonly CheckResult[], files: readonly FileResult[]):
{ passed: number, failed: number, skipped: number } {
  let passed = checks.filter(check => check.ok).length
  let failed = checks.length - passed
  let skipped = 0
  for (const file of files) {
    passed += file.passed + (isGood(file) ? 1 : 0)
    failed += file.failures.length + (isGood(file) ? 0 : 1)
    skipped += file.skipped
  }
  return { passed, failed, skipped }
}

export function lastLine({ passed, failed, skipped }: { passed: number, failed: number, skipped: number }): string {
  return `${String(passed)} passed, ${String(failed)} failed` + (skipped > 0 ? `, ${String(skipped)} skipped` : '')
}
