// npm run simulate:mutants: breaks copies of the product on purpose, one way after the other, and sees whether the simulation notices.
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { wholeArgument } from '../../src/cli/daemon.ts'
import { hunt, nameOf, Unmutated, type Failure, type Hunted, type Simulate } from './mutant-hunt.ts'
import { edited, mutants, type Mutant } from './mutants.ts'

const program = new Command('simulate:mutants')
const { only, seeds, jobs } = program
  .description('break the product in one way after the other, and see whether the simulation notices')
  .option('--seeds <count>', 'seeds before a mutant has survived', wholeArgument(1, 10_000), 40)
  .option('--only <text>', 'mutants whose names contain this', '')
  .option('--jobs <count>', 'mutants at a time', wholeArgument(1, 64), 1)
  .addHelpText('after', '\nEnds with 1 when a mutant survives.')
  .parse().opts<{ only: string, seeds: number, jobs: number }>()

/** Operations on files of each of two clients: short runs, since one seed is as good as the next. */
const STEPS = 60
/** A seed of which nothing is heard for so long does not end, in ms: a way of failing too. */
const SEED_MS_MAX = 180_000

const root = fileURLToPath(new URL('../..', import.meta.url))
const chosen = mutants.filter(({ name }) => name.includes(only))
if (chosen.length === 0) program.error(`error: no mutant has '${only}' in its name`)

// Never in the checkout itself: it may change meanwhile, and a run that is broken off must not leave it broken.
const work = mkdtempSync(path.join(os.tmpdir(), 'dfs-mutants-'))
process.on('exit', () => { rmSync(work, { recursive: true, force: true }) })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => { process.exit(1) })

const asItIs = path.join(work, 'as-it-is')
for (const each of ['src', 'test', 'package.json']) cpSync(path.join(root, each), path.join(asItIs, each), { recursive: true })
symlinkSync(path.join(root, 'node_modules'), path.join(asItIs, 'node_modules'))
const unmutated = new Unmutated(simulateIn(asItIs))

const startedMs = performance.now()
const results = new Map<Mutant, Hunted>()
const left = [...chosen]
await Promise.all(Array.from({ length: jobs }, async () => {
  for (let mutant = left.shift(); mutant !== undefined; mutant = left.shift()) {
    const fromMs = performance.now()
    const hunted = await huntIn(path.join(work, String(mutants.indexOf(mutant))), mutant)
    results.set(mutant, hunted)
    process.stderr.write(`${String(results.size)}/${String(chosen.length)} ${mutant.name}: ${told(hunted)} (${secondsSince(fromMs)} s)\n`)
  }
}))
const survivors = chosen.filter(mutant => results.get(mutant)?.caught === undefined).length
process.stdout.write(`${tableOf(results)}\n${String(chosen.length - survivors)} of ${String(chosen.length)} caught in ${secondsSince(startedMs)} s\n`)
process.exit(survivors > 0 ? 1 : 0)

async function huntIn(folder: string, mutant: Mutant): Promise<Hunted> {
  cpSync(asItIs, folder, { recursive: true, verbatimSymlinks: true })
  for (const edit of mutant.edits) {
    const file = path.join(folder, edit.file)
    writeFileSync(file, edited(edit, readFileSync(file, 'utf8')))
  }
  const hunted = await hunt(mutant, { simulate: simulateIn(folder), unmutated, count: seeds })
  rmSync(folder, { recursive: true })
  return hunted
}

function simulateIn(folder: string): Simulate {
  return ({ faults, overlapping }, { first, count }) => new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [
      'test/simulation/simulate.ts', '--seed', String(first), '--runs', String(count), '--steps', String(STEPS),
      '--faults', faults.join(',') || 'none', ...overlapping === true ? ['--overlapping'] : [],
    ], { cwd: folder })
    const end = (): void => { child.kill('SIGKILL') }
    process.on('exit', end)
    let said = ''
    let silence = setTimeout(end, SEED_MS_MAX)
    const hear = (data: Buffer): void => {
      said += data.toString()
      clearTimeout(silence)
      silence = setTimeout(end, SEED_MS_MAX)
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(silence)
      process.off('exit', end)
      const failure = failureIn(said)
      if (code === 0) resolve(undefined)
      else if (failure !== undefined) resolve(failure)
      else if (signal === 'SIGKILL') resolve({ seed: first + endedIn(said), step: undefined, check: 'the run does not end' })
      // It may be no program any more: no run has said anything.
      else reject(new Error(`the simulation ended with code ${String(code)}: ${said.slice(-2_000)}`))
    })
  })
}

function failureIn(said: string): Failure | undefined {
  const [, seed, step, check] = /^seed (\d+), step (\d+), event \d+, \d+ ms: (?:\w*Error(?: \[\w+\])?: )?(?:\d+ ms: )?(.*)$/m.exec(said) ?? []
  if (seed === undefined || step === undefined || check === undefined) return undefined
  return { seed: Number(seed), step: Number(step), check: check.slice(0, 160) }
}

function endedIn(said: string): number {
  return said.match(/^seed \d+: /gm)?.length ?? 0
}

function told({ caught, skipped }: Hunted): string {
  const without = skipped.length > 0 ? `; seeds ${skipped.join(', ')} say nothing, the product as it is fails them too` : ''
  if (caught === undefined) return `survived${without}`
  return `caught by seed ${String(caught.seed)} at step ${String(caught.step ?? '-')}: ${caught.check}${without}`
}

function tableOf(all: ReadonlyMap<Mutant, Hunted>): string {
  const rows = chosen.map(mutant => {
    const caught = all.get(mutant)?.caught
    const found = caught === undefined ? 'survived | | ' : `${String(caught.seed)} | ${String(caught.step ?? '-')} | ${caught.check.replaceAll('|', '\\|')}`
    return `| ${mutant.name} | ${nameOf(mutant)} | ${found} |`
  })
  return ['| what is broken | faults | seed | step | what was noticed |', '|---|---|---|---|---|', ...rows].join('\n')
}

function secondsSince(fromMs: number): string {
  return ((performance.now() - fromMs) / 1_000).toFixed(0)
}
