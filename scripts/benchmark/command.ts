import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { fullSizes, measures, quickSizes, type Bench, type Measure } from './measures.ts'
import { makeTree } from './tree.ts'
import { WarmUp } from './warm-up.ts'

interface Flags {
  json: boolean
  only?: string
  quick: boolean
  remount?: string
  warmUp: boolean
}

interface Figure {
  name: string
  title: string
  value: number
  unit: string
  seconds: number
}

const program = new Command('scripts/bench')
  .description('Measures a directory of any mounted file system. Leaves nothing behind.')
  .argument('<mountpoint>', 'a directory that may be written to')
  .option('--json', 'for scripts', false)
  .option('--only <names>', `some of: ${measures.map(measure => measure.name).join(',')}`)
  .option('--quick', 'a sixteenth of the work: to see that it works, not how fast', false)
  .option('--remount <command>', 'a shell command that unmounts and mounts again, run before everything cold')
  .option('--warm-up', 'work on other files first, untimed, and after each --remount', false)
  .addHelpText('after', `
"Cold" drops the caches of the kernel (root only; otherwise figures say "warm"). What a mount's own process has cached it
forgets when it is mounted again: see --remount. What servers have cached themselves stays. Processes that have only just
started are slower than they will be: --warm-up measures what a system does that has been in use for a while.`)
  .parse()
const { json, only, quick, remount, warmUp: isWarmedUp } = program.opts<Flags>()
const chosen = choose(only)
const target = resolve(program.args[0] ?? '')

function choose(names: string | undefined): readonly Measure[] {
  if (names === undefined) return measures
  const wanted = names.split(',')
  const unknown = wanted.filter(name => !measures.some(measure => measure.name === name))
  if (unknown.length > 0) program.error(`scripts/bench: there is no ${unknown.join(', ')}; see --help`)
  return measures.filter(measure => wanted.includes(measure.name))
}

const caches = { cold: true }
/** Nothing dirty may be left, or dropping would keep it. */
function forget(): void {
  if (!caches.cold) return
  execFileSync('sync', ['-f', target])
  if (remount !== undefined) {
    execFileSync('sh', ['-c', remount], { stdio: ['ignore', 'ignore', 'pipe'] })
    warmUp?.again()
  }
  try {
    writeFileSync('/proc/sys/vm/drop_caches', '3')
  } catch {
    caches.cold = false
  }
}

let made: ReturnType<typeof makeTree> | undefined
const folder = mkdtempIn(target)
const bench: Bench = {
  folder, sizes: quick ? quickSizes : fullSizes, tree: () => made ??= makeTree(quick ? 1 / 16 : 1),
}
const warmUp = isWarmedUp ? new WarmUp(folder) : undefined
const figures: Figure[] = []
function removeAll(): void {
  rmSync(folder, { recursive: true, force: true })
  if (made !== undefined) rmSync(made.temporary, { recursive: true, force: true })
}
process.on('SIGINT', () => { removeAll(); process.exit(130) })

try {
  warmUp?.begin()
  for (const measure of chosen) {
    await measure.prepare?.(bench)
    bench.tree()
    if (measure.cold) forget()
    measure.warm?.(bench)
    const startedMs = performance.now()
    const ran = await measure.run(bench)
    const { amount, seconds } = typeof ran === 'number'
      ? { amount: ran, seconds: (performance.now() - startedMs) / 1_000 } : ran
    const value = measure.unit === 's' ? seconds : amount / seconds / (measure.unit === 'MB/s' ? 1e6 : 1)
    figures.push({ name: measure.name, title: measure.title, value, unit: measure.unit, seconds })
    if (!json) console.log(line(measure, value))
  }
} finally {
  removeAll()
}
if (json) console.log(JSON.stringify({ directory: target, quick, cold: caches.cold, figures }, null, 2))
else if (!caches.cold) console.log('The caches of the kernel could not be dropped: "cold" figures are warm.')

function line(measure: Measure, value: number): string {
  const digits = measure.unit === 's' ? 2 : 0
  return `${measure.name.padEnd(12)} ${measure.title.padEnd(44)} ${value.toFixed(digits).padStart(10)} ${measure.unit}`
}

function mkdtempIn(directory: string): string {
  try {
    const { bavail, bsize } = statfsSync(directory)
    const needed = (quick ? quickSizes : fullSizes).bigBytes * 3
    if (bavail * bsize < needed) program.error(`scripts/bench: ${directory} has less than ${String(needed)} bytes free`)
    return mkdtempSync(join(directory, 'bench-'))
  } catch (error) {
    return program.error(`scripts/bench: ${error instanceof Error ? error.message : String(error)}`)
  }
}
