import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { wholeArgument } from '../../src/cli/daemon.ts'
import { table } from '../../src/cli/table.ts'
import { isCovered, runApart } from './apart.ts'
import { chart } from './chart.ts'
import { compare, written, type Measured } from './comparison.ts'
import { isInstalled, unpackedPackages } from './packages.ts'
import {
  requestFile, results, resultsFile, systemName, systemNames, type Request, type Results, type SystemName,
} from './request.ts'
import { systems } from './systems/index.ts'

interface Flags {
  peers: string
  runs: number
  only?: string
  quick: boolean
  dir: string
  json?: string
  chart?: string
}

const program = new Command('scripts/bench-peers')
  .description('Measures dfs, other file systems from Debian and the bare disk in turn, with the same work (scripts/bench).')
  .option('--peers <names>', `some of: ${systemNames.filter(name => name !== 'dfs').join(',')}`, 'moosefs,glusterfs,ext4')
  .option('--runs <n>', 'rounds: the medians count', wholeArgument(1, 99), 3)
  .option('--only <measures>', 'as scripts/bench --only')
  .option('--quick', 'a sixteenth of the work: to see that it works, not how fast', false)
  .option('--dir <folder>', 'on the disk to measure; all clusters keep their data there', '/var/tmp')
  .option('--json <file>', 'write all figures, versions and settings')
  .option('--chart <file.svg>', 'draw a bar chart')
  .addHelpText('after', `
Needs root and Debian. Clusters of three replicas come up in network, mount and process namespaces of their own, one at a
time. Packages that are not installed are unpacked there and nowhere else. Nothing stays: no service, no file, no mount.`)
  .allowExcessArguments(false)
  .parse()
const flags = program.opts<Flags>()

const fail = (message: string): never => program.error(`scripts/bench-peers: ${message}`)

/** Ours first, then the others as they were named. */
function chosenSystems(): SystemName[] {
  const names = flags.peers.split(',').map(name => systemName.safeParse(name))
  const unknown = names.find(name => !name.success)
  if (unknown !== undefined) fail(`--peers ${flags.peers}: there are ${systemNames.join(', ')}`)
  return [...new Set<SystemName>(['dfs', ...names.flatMap(name => name.success ? [name.data] : [])])]
}

function checkMachine(dir: string): void {
  if (process.getuid?.() !== 0) fail('needs root: for namespaces, mounts, and to drop caches')
  const missing = ['unshare', 'setpriv', 'ip', 'ss', 'apt-get', 'dpkg-deb'].filter(tool => !isInstalled(tool))
  if (missing.length > 0) fail(`${missing.join(', ')} is missing (Debian: util-linux, iproute2, apt, dpkg)`)
  if (!existsSync('/dev/fuse')) fail('/dev/fuse is missing: modprobe fuse')
  if (!existsSync(dir)) fail(`--dir ${dir} does not exist`)
  if (isCovered(`${dir}/`)) fail(`--dir ${dir}: choose a folder outside /etc, /usr, /run, /var/lib and /var/log`)
  const { bavail, bsize } = statfsSync(dir)
  const neededGiB = flags.quick ? 2 : 10
  if (bavail * bsize < neededGiB * 2 ** 30) fail(`${dir} needs ${String(neededGiB)} GiB free`)
}

/** Medians side by side, and ours against the better peer. */
function resultTable(measures: readonly Measured[], names: readonly SystemName[]): string[] {
  const rows = measures.map(({ name, title, unit, figures, ratio }) => [
    name, title, unit, ...names.map(each => written(unit, figures[each]?.median ?? NaN)),
    ratio === undefined ? '' : `${ratio.toFixed(2)}x`,
  ])
  return table([['measure', 'what it does', 'unit', ...names, 'dfs : better peer'], ...rows],
    ['left', 'left', 'left', ...names.map(() => 'right' as const), 'right'])
}

const machine = {
  cores: cpus().length, processor: cpus()[0]?.model ?? '', memoryBytes: totalmem(), kernel: release(),
}

function report({ systems: described, rounds }: Results, startedAt: string): void {
  const names = described.map(({ name }) => name)
  const measures = compare({ systems: described, rounds })
  const isCold = rounds.every(round => Object.values(round).every(each => each.cold))
  for (const line of resultTable(measures, names)) console.log(line)
  console.log()
  for (const { name, version, settings } of described) console.log(`${name}: ${version}\n  ${settings.join('\n  ')}`)
  const memory = `${(machine.memoryBytes / 2 ** 30).toFixed(0)} GiB`
  console.log(`${String(machine.cores)} cores (${machine.processor}), ${memory}, Linux ${machine.kernel}`)
  console.log(`medians of ${String(rounds.length)} rounds; a ratio above 1 means that dfs is faster`)
  if (flags.quick) console.log('quick runs show that it works, not how fast')
  if (!isCold) console.log('the caches of the kernel could not be dropped: "cold" figures are warm')
  if (flags.json !== undefined) {
    writeFileSync(flags.json, `${JSON.stringify({
      startedAt, machine, quick: flags.quick, cold: isCold, runs: rounds.length, systems: described, measures,
    }, null, 2)}\n`)
  }
  if (flags.chart !== undefined) {
    writeFileSync(flags.chart, chart(measures, Object.fromEntries(names.map(name => [name, systems[name].title]))))
  }
}

async function main(): Promise<number> {
  const startedAt = new Date().toISOString()
  const dir = resolve(flags.dir)
  const chosen = chosenSystems()
  checkMachine(dir)
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => { stopping.abort(new Error(`stopped by ${signal}`)) })
  }
  const work = mkdtempSync(join(dir, 'dfs-bench-peers-'))
  try {
    // Servers of packages may run as users of their own.
    chmodSync(work, 0o755)
    const needed = chosen.flatMap(name => systems[name].needed ?? [])
    const packages = await unpackedPackages(needed, join(work, 'packages'), stopping.signal)
    const request: Request = {
      work, systems: chosen, runs: flags.runs, ...packages === undefined ? {} : { packages },
      benchOptions: [flags.quick ? '--quick' : '--warm-up', ...flags.only === undefined ? [] : ['--only', flags.only]],
    }
    writeFileSync(join(work, requestFile), JSON.stringify(request))
    const code = await runApart(join(import.meta.dirname, 'measure.ts'), work, stopping.signal)
    stopping.signal.throwIfAborted()
    if (code !== 0) return code
    report(results.parse(JSON.parse(readFileSync(join(work, resultsFile), 'utf8'))), startedAt)
    return 0
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  fail(error instanceof Error ? error.message : String(error))
}
