// npm run simulate -- --seed N --operations M [--runs R] [--faults kill,power,cut,reset]: seeds one after the other, until one fails.
import { Command } from 'commander'
import { pino } from 'pino'
import { wholeArgument } from '../../src/cli/daemon.ts'
import { silentLog } from '../../src/seams/log.ts'
import { faultKinds, type FaultKind } from './faults.ts'
import { simulate } from './run.ts'

const { seed, operations, runs, faults, verbose, clients } = new Command('simulate')
  .description('run whole clusters from seeds, under faults, and check every answer')
  .option('--seed <number>', 'the first seed', wholeArgument(0, 2 ** 32 - 1), Math.floor(Math.random() * 1_000_000))
  .option('--operations <count>', 'operations of each client', wholeArgument(1, 1_000_000), 100)
  .option('--clients <count>', 'clients', wholeArgument(1, 16), 2)
  .option('--runs <count>', 'how many seeds to run', wholeArgument(1, 1_000_000), 1)
  .option('--faults <kinds>', `any of ${faultKinds.join(',')}`, faultKinds.join(','))
  .option('--verbose', 'what the cluster logs', false)
  .parse().opts<{ seed: number, operations: number, clients: number, runs: number, faults: string, verbose: boolean }>()

const kinds = faults.split(',').filter((kind): kind is FaultKind => faultKinds.some(each => each === kind))
for (let next = seed; next < seed + runs; next++) {
  const started = performance.now()
  try {
    const { steps, virtualMs, faults: done } = await simulate({
      seed: next, operations, clients, faults: kinds, log: verbose ? pino({ level: 'debug' }) : silentLog,
    })
    const seconds = (performance.now() - started) / 1_000
    process.stdout.write(`seed ${next}: ${steps} events (${Math.round(steps / seconds)}/s), `
      + `${Math.round(virtualMs / 1_000)} virtual s, ${done.length} faults noted, in ${seconds.toFixed(1)} s\n`)
  } catch (error) {
    process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`
      + `again with: npm run simulate -- --seed ${next} --operations ${operations} --clients ${clients} --faults ${faults}\n`)
    process.exit(1)
  }
}
process.exit(0)
