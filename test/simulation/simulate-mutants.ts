// npm run simulate:mutants: breaks a copy of the product on purpose, one way after the other, and sees whether the simulation notices.
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { wholeArgument } from '../../src/cli/daemon.ts'
import { mutants, mutate, type Mutant } from './mutants.ts'

const program = new Command('simulate:mutants')
const { only, seeds, steps } = program
  .description('break the product in one way after the other, and see whether the simulation notices')
  .option('--only <text>', 'mutants whose names contain this', '')
  .option('--seeds <count>', 'seeds before a mutant has survived, in each mode', wholeArgument(1, 10_000), 60)
  .option('--steps <count>', 'of each client', wholeArgument(1, 100_000), 80)
  .parse().opts<{ only: string, seeds: number, steps: number }>()

/** A batch of seeds that takes longer than this hangs, in ms: a way of failing too. */
const BATCH_MS_MAX = 600_000
/** Seeds in one mode before the other mode has its turn. */
const BATCH = 8

interface Caught {
  seed: string
  step: string
  mode: string
  invariant: string
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const chosen = mutants.filter(({ name }) => name.includes(only))
process.stdout.write('| what is broken | caught by seed | step | what was noticed |\n|---|---|---|---|\n')
let survivors = 0
for (const mutant of chosen) {
  const caught = await hunt(mutant)
  if (caught === undefined) survivors++
  process.stdout.write(caught === undefined
    ? `| ${mutant.name} | survived | | |\n`
    : `| ${mutant.name} | ${caught.seed}${caught.mode} | ${caught.step} | ${caught.invariant} |\n`)
}
if (survivors > 0) process.stdout.write(`${String(survivors)} of ${String(chosen.length)} survived\n`)
process.exit(survivors > 0 || chosen.length === 0 ? 1 : 0)

/** Never in the checkout itself: a run that is broken off must not leave it broken. */
async function hunt(mutant: Mutant): Promise<Caught | undefined> {
  const copy = mkdtempSync(path.join(os.tmpdir(), 'dfs-mutant-'))
  try {
    for (const each of ['src', 'test', 'package.json']) cpSync(path.join(root, each), path.join(copy, each), { recursive: true })
    symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'))
    const file = path.join(copy, mutant.file)
    writeFileSync(file, mutate(mutant, readFileSync(file, 'utf8')))
    for (let seed = 1; seed <= seeds; seed += BATCH) {
      const range = ['--seed', String(seed), '--runs', String(Math.min(BATCH, seeds + 1 - seed)), '--steps', String(steps)]
      for (const mode of [[], ['--overlapping']]) {
        const caught = await simulateIn(copy, [...range, ...mode])
        if (caught !== undefined) return { ...caught, mode: mode.length > 0 ? ', overlapping' : '' }
      }
    }
    return undefined
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

/** @returns how it failed; nothing when it did not */
function simulateIn(folder: string, options: readonly string[]): Promise<Omit<Caught, 'mode'> | undefined> {
  const child = spawn(process.execPath, ['test/simulation/simulate.ts', ...options], { cwd: folder, timeout: BATCH_MS_MAX })
  let said = ''
  const hear = (data: Buffer): void => { said += data.toString() }
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', code => {
      if (code === 0) { resolve(undefined); return }
      const [, seed, step, invariant] = /^seed (\d+), step (\d+), event \d+, \d+ ms: (.*)$/m.exec(said) ?? []
      if (seed === undefined || step === undefined || invariant === undefined) {
        // It broke down in a way that no run reports: show it, since it may be the mutation that is no program any more.
        reject(new Error(`the simulation ended with code ${String(code)}: ${said.slice(-2_000)}`))
        return
      }
      resolve({ seed, step, invariant: invariant.replaceAll('|', '\\|').slice(0, 160) })
    })
  })
}
