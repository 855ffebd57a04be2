import { fork, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import type { z } from 'zod'
import { wholeArgument } from '../../src/cli/daemon.ts'
import { table } from '../../src/cli/table.ts'
import type { ClusterStatus } from '../../src/protocol/master-api.ts'
import type { Pause } from '../../src/seams/pauses.ts'
import { freePort } from '../clusters/ports.ts'
import { eventually } from '../clusters/processes.ts'
import { MeasuredMaster, type Memory } from './master.ts'
import {
  fillResult, loadResult, operations, type FillResult, type LoadRequest, type LoadResult, type Operation, type PaperRequest,
} from './messages.ts'

interface Flags {
  files: number[]
  clients: number[]
  seconds: number
  dir: string
  json?: string
}

/** Whole numbers as people write them: 10k,100k,1M. */
function counts(text: string): number[] {
  return text.split(',').map(each => {
    const match = /^(\d+)([kM]?)$/.exec(each)
    if (match === null) throw new InvalidArgumentError('expected numbers such as 10k,100k,1M')
    return Number(match[1]) * (match[2] === 'k' ? 1e3 : match[2] === 'M' ? 1e6 : 1)
  })
}

const program = new Command('scripts/bench-scale')
  .description('Measures how a master grows: rates, memory, disk, start after a kill, and how long it is ever held up.')
  .option('--files <numbers>', 'sizes of the file system, ascending', counts, [1e4, 1e5, 1e6])
  .option('--clients <numbers>', 'clients at once, each with one request on its way', counts, [1, 4, 16, 64])
  .option('--seconds <n>', 'how long each operation is repeated', wholeArgument(1, 3_600), 5)
  .option('--dir <folder>', 'where a throw-away folder for the master is made', '/var/tmp')
  .option('--json <file>', 'write all figures')
  .addHelpText('after', `
A real master process and three chunkservers on paper: they report a replica of every chunk and take leases, and keep no
bytes. Each file has one chunk. The folder is filled through the master's own state machine, then measured over the network.`)
  .allowExcessArguments(false)
  .parse()
const flags = program.opts<Flags>()

interface Sized {
  files: number
  fill: FillResult
  /** For each number of clients. */
  rates: { clients: number, rates: LoadResult }[]
  /** After a kill: until a client is answered, the processor time of that, and until all replicas are reported, in ms. */
  restart: { answeredMs: number, processorMs: number, reportedMs: number }
  disk: ReturnType<MeasuredMaster['disk']>
  memory: Memory
  chunks: number
  longest: { restarted: Pause, loaded: Pause }
}

/** Until the master is at rest after a start. */
const JUDGED_MS_MAX = 900_000

const script = (name: string): string => join(import.meta.dirname, name)
const children = new Set<ChildProcess>()

function start(name: string, request: object): ChildProcess {
  // The heap is that of bin/dfs-master: one of these processes does its work.
  const execArgv = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=4']
  const child = fork(script(name), [JSON.stringify(request)], { execArgv })
  children.add(child)
  child.on('exit', () => { children.delete(child) })
  return child
}

/** Runs a script to its end. @returns what it said */
function outcome<Schema extends z.ZodType>(name: string, request: object, schema: Schema): Promise<z.infer<Schema>> {
  return new Promise((resolve, reject) => {
    const child = start(name, request)
    let said: unknown
    child.on('message', message => { said = message })
    child.on('exit', code => {
      if (code === 0) resolve(schema.parse(said))
      else reject(new Error(`scripts/scale/${name} ended with ${String(code)}`))
    })
  })
}

/** Waits until every replica is known. @returns how long that took, in ms */
async function allReported(master: MeasuredMaster): Promise<number> {
  const startedMs = performance.now()
  const known = await eventually(async () => {
    const { servers, chunks } = await master.status()
    return servers.length === 3 && servers.every(server => server.replicas >= chunks)
  }, 600_000)
  if (!known) throw new Error('the master does not hear of all replicas')
  return performance.now() - startedMs
}

async function measure(work: string, files: number): Promise<Sized> {
  const say = (line: string): void => { console.error(`${files.toLocaleString('en')} files: ${line}`) }
  const data = join(work, 'master')
  const versions = join(work, 'versions')
  say('filling')
  const fill = await outcome('fill.ts', { data, versions, files }, fillResult)
  const master = new MeasuredMaster({ data, log: join(work, 'master.log'), port: await freePort(new Set()) })
  running.add(master)
  await master.start()
  const paper = start('paper-servers.ts', { master: master.address, versions } satisfies PaperRequest)
  await allReported(master)
  say('until all chunks are judged')
  const isAtRest = await eventually(async () => (await master.status()).repair.judged, JUDGED_MS_MAX)
  if (!isAtRest) throw new Error('the master does not come to the end of judging')

  const rates: Sized['rates'] = []
  for (const clients of flags.clients) {
    say(`${String(clients)} clients`)
    const request: LoadRequest = { master: master.address, clients, files, seconds: flags.seconds, masterPid: master.pid }
    rates.push({ clients, rates: await outcome('load.ts', request, loadResult) })
  }
  const loaded = await master.status()

  say('kill and restart')
  await master.kill()
  const answeredMs = await master.start()
  const processorMs = master.processorMs()
  const reportedMs = answeredMs + await allReported(master)
  const restarted = await master.status()
  const sized: Sized = {
    files, fill, rates, restart: { answeredMs, processorMs, reportedMs }, disk: master.disk(), memory: master.memory(),
    chunks: restarted.chunks,
    longest: { restarted: longestOf(restarted), loaded: longestOf(loaded) },
  }
  paper.disconnect()
  await master.stop()
  running.delete(master)
  return sized
}

const longestOf = ({ longestPauseMs, longestWorkMs }: ClusterStatus): Pause => (
  { pauseMs: longestPauseMs, workMs: longestWorkMs })

const whole = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 0 })
const mebibytes = (value: number): string => (value / 2 ** 20).toFixed(1)

function rateTable(title: string, sizes: readonly Sized[], of: (measured: LoadResult[Operation]) => number): string[] {
  const rows = operations.flatMap(operation => flags.clients.map((clients, index) => [
    operation, whole(clients), ...sizes.map(({ rates }) => {
      const measured = rates[index]?.rates[operation]
      return measured === undefined ? '' : whole(of(measured))
    }),
  ]))
  return table([[title, 'clients', ...sizes.map(({ files }) => `${whole(files)} files`)], ...rows],
    ['left', 'right', ...sizes.map(() => 'right' as const)])
}

function growthTable(sizes: readonly Sized[]): string[] {
  const first = sizes[0]
  const row = (title: string, of: (sized: Sized) => string): string[] => [title, ...sizes.map(of)]
  const pauseRows = (when: string, of: (sized: Sized) => Pause): string[][] => [
    row(`longest pause ${when}, ms`, sized => whole(of(sized).pauseMs)),
    row('  at work itself in one, ms', sized => whole(of(sized).workMs)),
  ]
  return table([
    row('', ({ files }) => `${whole(files)} files`),
    row('restart after kill -9: first answer, ms', ({ restart }) => whole(restart.answeredMs)),
    row('  processor time of that, ms', ({ restart }) => whole(restart.processorMs)),
    row('the same, all replicas reported, ms', ({ restart }) => whole(restart.reportedMs)),
    ...pauseRows('under load', ({ longest }) => longest.loaded),
    ...pauseRows('after the restart', ({ longest }) => longest.restarted),
    ...pauseRows('while filling, with checkpoints', ({ fill }) => fill.longest),
    row('filled, files per second', ({ fill }) => whole(fill.filesPerSecond)),
    row('state on disk, MiB', ({ disk }) => mebibytes(disk.stateBytes)),
    row('  bytes a file with one chunk', ({ disk, files }) => whole(disk.stateBytes / files)),
    row('checkpoint on disk, MiB', ({ disk }) => mebibytes(disk.checkpointBytes)),
    row('journal on disk, MiB', ({ disk }) => mebibytes(disk.journalBytes)),
    row('memory of the process, MiB', ({ memory }) => mebibytes(memory.ownBytes)),
    row('  bytes a chunk above the smallest', ({ memory, chunks }) => first === undefined || chunks === first.chunks ? ''
      : whole((memory.ownBytes - first.memory.ownBytes) / (chunks - first.chunks))),
    row('pages of the state in memory, MiB', ({ memory }) => mebibytes(memory.fileBytes)),
  ], ['left', ...sizes.map(() => 'right' as const)])
}

const running = new Set<MeasuredMaster>()
const dir = resolve(flags.dir)
const work = mkdtempSync(join(dir, 'dfs-bench-scale-'))
mkdirSync(work, { recursive: true })
async function removeAll(): Promise<void> {
  for (const child of children) child.kill('SIGKILL')
  for (const master of running) await master.kill()
  rmSync(work, { recursive: true, force: true })
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => { void removeAll().then(() => process.exit(130)) })

try {
  const sizes: Sized[] = []
  for (const files of [...flags.files].sort((a, b) => a - b)) sizes.push(await measure(work, files))
  for (const line of [
    ...rateTable('per second', sizes, ({ perSecond }) => perSecond), '',
    ...rateTable('µs of the master each', sizes, ({ masterUs }) => masterUs), '',
    ...growthTable(sizes),
  ]) console.log(line)
  if (flags.json !== undefined) {
    const machine = { cores: cpus().length, processor: cpus()[0]?.model ?? '', memoryBytes: totalmem(), kernel: release() }
    writeFileSync(flags.json, `${JSON.stringify({ machine, seconds: flags.seconds, sizes }, null, 2)}\n`)
  }
} catch (error) {
  console.error(`scripts/bench-scale: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
} finally {
  await removeAll()
}
