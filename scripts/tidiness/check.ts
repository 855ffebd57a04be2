import { dirname, join, normalize } from 'node:path'
import { fileLines, importExceptions, lineRules, mayImport, pathRules } from './rules.ts'

export interface Finding {
  /** PATH or PATH:LINE, what is wrong there and what to do instead. */
  text: string
  severity: 'error' | 'warning'
}

const partOf = (file: string): string | undefined => /^src\/([^/]+)\//.exec(file)?.[1]

/** Everything that the house rules say against one file. `path` is relative to the project. */
export function checkFile(path: string, text: string): Finding[] {
  return [...checkPath(path), ...checkLines(path, text), ...checkImports(path, text), ...checkLength(path, text)]
}

function checkPath(path: string): Finding[] {
  return pathRules.filter(rule => rule.where.test(path) && rule.ban.test(path))
    .map(rule => error(`${path}: use ${rule.use}`))
}

function checkLines(path: string, text: string): Finding[] {
  // The rules themselves spell out what they ban.
  const rules = lineRules.filter(rule => rule.where.test(path) && !path.startsWith('scripts/tidiness/'))
  return text.split('\n').flatMap((line, index) => rules.flatMap(rule => {
    if (rule.inComments !== true && /^\s*(?:\/?\*|\/\/)/.test(line)) return []
    const found = rule.ban.exec(line)?.[0]
    if (found === undefined) return []
    const what = found.trim() === '' || found.length > 40 ? 'this' : found
    return [error(`${path}:${String(index + 1)}: ${what} has no place here, use ${rule.use}`)]
  }))
}

function checkImports(path: string, text: string): Finding[] {
  const from = partOf(path)
  const allowed = from === undefined ? undefined : mayImport[from]
  if (from === undefined) return []
  if (allowed === undefined) return [error(`${path}: src/${from} is no part that scripts/tidiness/rules.ts knows: add it there`)]
  const imports = text.matchAll(/(?:^|\s)(?:import|export)\b[^'"]*?from '(\.[^']+)'|\bimport\('(\.[^']+)'\)|^import '(\.[^']+)'/gm)
  return [...imports].flatMap(match => {
    const target = normalize(join(dirname(path), match[1] ?? match[2] ?? match[3] ?? ''))
    const to = partOf(target)
    if (to === from || (to !== undefined && allowed.includes(to))) return []
    if (importExceptions.some(exception => exception.from.test(path) && exception.to.test(target))) return []
    const line = text.slice(0, match.index + match[0].indexOf("'")).split('\n').length
    return [error(`${path}:${String(line)}: imports ${target}, but src/${from} may import ` +
      (allowed.length === 0 ? 'no other part' : `only ${allowed.map(part => `src/${part}`).join(', ')}`) +
      ': move what both need to src/protocol or src/seams, or pass it in')]
  })
}

function checkLength(path: string, text: string): Finding[] {
  const lines = text.split('\n').length
  if (!path.endsWith('.ts') || lines <= fileLines.warnAbove) return []
  const said = `${path}: ${String(lines)} lines; one idea per file: split it`
  return [lines > fileLines.errorAbove ? error(said) : { text: said, severity: 'warning' }]
}

/**
 * The files that the architecture page names must exist: its list of "where does a write go" is how people find
 * their way, and a wrong signpost is worse than none.
 */
export function checkSignposts(page: string, text: string, exists: (path: string) => boolean): Finding[] {
  const named = [...new Set(text.match(/\b(?:src|bin|scripts|test)\/[\w./-]+\.ts\b/g) ?? [])]
  const missing = named.filter(path => !exists(path)).map(path => error(`${page}: ${path} does not exist: name the file that took its place`))
  return named.length === 0 ? [error(`${page}: names no file of a write: list them, in order`)] : missing
}

function error(text: string): Finding {
  return { text, severity: 'error' }
}
