// npm run simulate -- --seed N --steps M [--runs R] [--faults kill,power,…] [--overlapping]: seed after seed, until one fails.
import { Command } from 'commander'
import { pino } from 'pino'
import { wholeArgument } from '../../src/cli/daemon.ts'
import { silentLog } from '../../src/seams/log.ts'
import { faultKinds, usualFaults, type FaultKind } from './faults.ts'
import { simulate } from './run.ts'

interface Options {
  seed: number
  steps: number
  clients: number
  runs: number
  faults: FaultKind[]
  overlapping: boolean
  verbose: boolean
}

const program = new Command('simulate')
const { seed, steps, runs, faults, overlapping, verbose, clients } = program
  .description('run whole clusters from seeds, under faults, and check every answer')
  .option('--seed <number>', 'the first seed', wholeArgument(0, 2 ** 32 - 1), Math.floor(Math.random() * 1_000_000))
  .option('--steps <count>', 'operations on files of each client', wholeArgument(1, 1_000_000), 100)
  .option('--clients <count>', 'clients', wholeArgument(1, 16), 2)
  .option('--runs <count>', 'how many seeds to run', wholeArgument(1, 1_000_000), 1)
  .option('--faults <kinds>', `any of ${faultKinds.join(',')}, or none`, kindsOf, [...usualFaults])
  .option('--overlapping', 'hurt several machines at once, and check what is promised then', false)
  .option('--verbose', 'what the cluster logs', false)
  .parse().opts<Options>()

function kindsOf(argument: string): FaultKind[] {
  if (argument === 'none') return []
  return argument.split(',').map(name => {
    const kind = faultKinds.find(each => each === name)
    return kind ?? program.error(`error: there is no fault '${name}', only ${faultKinds.join(', ')}`)
  })
}

const started = performance.now()
let stepsDone = 0
let events = 0
for (let next = seed; next < seed + runs; next++) {
  try {
    const done = await simulate({
      seed: next, steps, clients, faults, overlapping, log: verbose ? pino({ level: 'debug' }) : silentLog,
    })
    stepsDone += done.steps
    events += done.events
    process.stdout.write(`seed ${next}: ${done.steps} steps, ${done.events} events, ${Math.round(done.virtualMs / 1_000)} virtual s, `
      + `${done.faults.length} faults noted\n`)
  } catch (error) {
    process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`
      + `again with: npm run simulate -- --seed ${next} --steps ${steps} --clients ${clients}`
      + `${faults.length === faultKinds.length ? '' : ` --faults ${faults.join(',') || 'none'}`}${overlapping ? ' --overlapping' : ''}\n`)
    process.exit(1)
  }
}
const seconds = (performance.now() - started) / 1_000
process.stdout.write(`${runs} ${runs === 1 ? 'seed' : 'seeds'} in ${seconds.toFixed(1)} s: ${Math.round(stepsDone / seconds)} steps/s, `
  + `${Math.round(events / seconds)} events/s\n`)
process.exit(0)
