/**
 * npm run chaos -- --minutes N [--seed S]: random faults against a real cluster under work that verifies itself. The seed
 * repeats the order of faults and victims, not the instants at which processes meet them.
 */
import { Command, InvalidArgumentError, Option } from 'commander'
import { wholeArgument } from '../../src/cli/daemon.ts'
import { Cluster, dropCaches, noMount, whole } from '../cluster/harness.ts'
import { Network, networking } from '../cluster/network.ts'
import { drawFault, faultKinds, type Draw, type Fault, type FaultKind } from './faults.ts'
import { MemoryWatch } from './memory.ts'
import { Outages, type Failure } from './outages.ts'
import { everyday, failuresOf, overload, type Workload } from './workloads.ts'

const CHUNKSERVERS = 4
const MEMORY_EVERY_MS = 2_000
/** How long a fault lasts, and the rest before the next one, in ms. */
const FAULT_MS = { least: 1_000, most: 15_000 }
const REST_MS = { least: 500, most: 8_000 }

const kindsOf = (text: string): FaultKind[] => text === 'none' ? [] : text.split(',').map(word => {
  const kind = faultKinds.find(each => each === word)
  if (kind === undefined) throw new InvalidArgumentError(`none, or any of ${faultKinds.join(',')}`)
  return kind
})

const options = new Command('npm run chaos --')
  .description('Hurts a real cluster while programs use it, and checks everything they were promised.\n'
    + 'Exit code 1: a promise was broken.')
  .requiredOption('--minutes <number>', 'how long', Number)
  .option('--seed <number>', 'the order of faults', wholeArgument(0, 2 ** 32 - 1), Math.floor(Math.random() * 1_000_000))
  .addOption(new Option('--load <kind>', 'everyday: writers with a ledger, fio, copies; overload: 16 writers, 16 readers, names')
    .choices(['everyday', 'overload']).default('everyday'))
  .option('--faults <kinds>', `none, or any of ${faultKinds.join(',')}`, kindsOf, [...faultKinds])
  .option('--disk <size>', 'the disk in memory of each chunkserver', '512m')
  .parse().opts<{ minutes: number, seed: number, load: 'everyday' | 'overload', faults: FaultKind[], disk: string }>()

let state = options.seed
const fraction = (): number => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  return state / 2 ** 32
}
const draw: Draw = from => {
  const found = from[Math.floor(fraction() * from.length)]
  if (found === undefined) throw new Error('nothing to draw from')
  return found
}
const between = ({ least, most }: { least: number, most: number }): number => least + fraction() * (most - least)

const startedMs = Date.now()
const stopping = new AbortController()
const say = (what: string): void => {
  console.log(`${((Date.now() - startedMs) / 1_000).toFixed(1).padStart(7)} s  ${what}`)
}
/** A failure, and when it was. */
const timed = ({ startedMs: fromMs, endedMs, said }: Failure): string =>
  `${((fromMs - startedMs) / 1_000).toFixed(1)} to ${((endedMs - startedMs) / 1_000).toFixed(1)} s: ${said}`
const rest = (ms: number): Promise<void> => new Promise(resolve => {
  const timer = setTimeout(resolve, ms)
  stopping.signal.addEventListener('abort', () => { clearTimeout(timer); resolve() }, { once: true })
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    say(`${signal}: cleaning up`)
    stopping.abort()
  })
}

async function main(): Promise<number> {
  if (noMount !== undefined) throw new Error(noMount)
  const network = 'skip' in networking ? undefined : await Network.make(CHUNKSERVERS + 1)
  if (network === undefined) say('no network namespaces here: servers are stopped where they should be cut off')
  let cluster: Cluster | undefined
  let work: Workload[] = []
  try {
    cluster = await Cluster.up({
      chunkservers: CHUNKSERVERS,
      options: ['--chunk-size', '4MiB', '--master-option=--dead-ms=40000', ...(network === undefined ? [] : [network.option])],
      disks: Object.fromEntries(
        Array.from({ length: CHUNKSERVERS }, (_, index) => [`chunkserver-${String(index + 1)}`, options.disk])),
    })
    say(`seed ${String(options.seed)}, ${options.load}, in ${cluster.folder}`)
    const memory = new MemoryWatch(cluster, MEMORY_EVERY_MS)
    try {
      work = options.load === 'overload' ? overload(cluster, options.seed) : everyday(cluster, options.seed)
      const outages = new Outages()
      const faults = await hurt(cluster, network, { work, memory, outages })
      return await judge(cluster, work, { memory, faults, outages })
    } finally {
      memory.stop()
    }
  } finally {
    for (const { ledger, repeated } of work) {
      repeated?.kill()
      void ledger?.stop('SIGKILL')
    }
    await cluster?.down()
    await network?.remove()
    say('cleaned up')
  }
}

/** Breaks and mends, one fault or two at a time, until the time is over. @returns how many faults of each kind there were */
async function hurt(
  cluster: Cluster, network: Network | undefined,
  { work, memory, outages }: { work: readonly Workload[], memory: MemoryWatch, outages: Outages },
): Promise<Map<string, number>> {
  const drawOne = (): Fault => drawFault(draw(options.faults), { cluster, network, chunkservers: CHUNKSERVERS, outages, draw })
  const endMs = Date.now() + options.minutes * 60_000
  const counts = new Map<string, number>()
  while (Date.now() < endMs && !stopping.signal.aborted) {
    if (options.faults.length === 0) {
      await rest(Math.min(10_000, endMs - Date.now()))
      report(work, memory)
      continue
    }
    await rest(between(REST_MS))
    const [one, other] = [drawOne(), drawOne()]
    const faults: Fault[] = fraction() < 0.3 && other.what !== one.what && other.kind !== one.kind ? [one, other] : [one]
    for (const fault of faults) {
      counts.set(fault.kind, (counts.get(fault.kind) ?? 0) + 1)
      say(`${fault.kind} ${fault.what}`)
      await fault.begin().catch((error: unknown) => { say(`  it could not be done: ${String(error)}`) })
    }
    await rest(between(FAULT_MS))
    // A process that is stopped must go on before others that are started can find it.
    for (const fault of faults.toSorted((a, b) => Number(b.kind === 'stop') - Number(a.kind === 'stop'))) {
      await fault.end().catch((error: unknown) => { say(`  it could not be mended: ${String(error)}`) })
      say(`mended: ${fault.kind} ${fault.what}`)
    }
    report(work, memory)
  }
  return counts
}

function report(work: readonly Workload[], memory: MemoryWatch): void {
  const many = work.filter(({ name }) => /^(?:writer|reader|names)-/.test(name))
  const rounds = many.reduce((sum, { repeated }) => sum + (repeated?.count ?? 0), 0)
  say('  ' + [
    ...work.filter(each => !many.includes(each)).map(({ name, ledger, repeated }) => ledger === undefined
      ? `${name}: ${String(repeated?.count)} rounds`
      : `${name}: ${String(ledger.writes)} writes, longest pause ${String(ledger.longestPauseMs)} ms`),
    ...many.length === 0 ? [] : [`all others: ${String(rounds)} rounds`],
    `memory in MB: ${[...memory.now].map(([name, mb]) => `${name} ${String(mb)}`).join(', ')}`,
  ].join('; '))
}

/** Stops the work, waits until the cluster is whole again, and looks whether every promise was kept. */
async function judge(
  cluster: Cluster, work: readonly Workload[],
  { memory, faults, outages }: { memory: MemoryWatch, faults: ReadonlyMap<string, number>, outages: Outages },
): Promise<number> {
  if (stopping.signal.aborted) return 130
  const wrong: string[] = []
  say('stopping the work')
  await Promise.all(work.map(async ({ ledger, repeated }) => { await (ledger ?? repeated)?.stop() }))
  say('waiting until the cluster is whole')
  await cluster.start()
  await whole(cluster, 180_000).catch((error: unknown) => { wrong.push(String(error)) })
  await dropCaches()
  for (const each of work) {
    const { name, ledger } = each
    const told = failuresOf(each)
    const unexpected = told.filter(failure => !outages.explain(failure)).map(timed)
    if (told.length > unexpected.length) {
      say(`${name}: ${String(told.length - unexpected.length)} failures while there was no mount`)
    }
    if (unexpected.length > 0) {
      wrong.push(`${name} was told of ${String(unexpected.length)} errors: ${[...new Set(unexpected)].slice(0, 3).join('; ')}`)
    }
    if (ledger === undefined) continue
    const { ok, said } = await ledger.verdict()
    say(`${name}: ${said}; longest pause ${String(ledger.longestPauseMs)} ms`)
    if (!ok) wrong.push(`${name}: what was acknowledged is not there`)
  }
  say(`faults: ${[...faults].map(([kind, count]) => `${kind} ${String(count)}`).join(', ') || 'none'}`)
  const rounds = work.flatMap(({ name, repeated }) => repeated === undefined ? [] : [`${name} ${String(repeated.count)}`])
  say(`rounds: ${rounds.join(', ')}`)
  say(`most memory, in MB: ${[...memory.most].map(([name, mb]) => `${name} ${String(mb)}`).join(', ')}`)
  for (const each of wrong) say(`WRONG: ${each}`)
  say(wrong.length === 0 ? 'verdict: every promise was kept'
    : `verdict: ${String(wrong.length)} promises broken (npm run chaos -- --seed ${String(options.seed)})`)
  return wrong.length === 0 ? 0 : 1
}

process.exitCode = await main().catch((error: unknown) => {
  say(error instanceof Error ? error.message : String(error))
  return 2
})
process.exit()
