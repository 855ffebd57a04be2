import { resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { wholeArgument } from '../../src/cli/daemon.ts'
import { down } from './down.ts'
import type { Namespaces } from './state.ts'
import { status, statusTable } from './status.ts'
import { up } from './up.ts'

interface UpFlags {
  dir: string
  /** False: --no-mount. */
  mount: string | false | undefined
  chunkservers?: number
  replicas?: number
  chunkSize?: string
  trashTime?: string
  portBase?: number
  masterOption?: string[]
  chunkserverOption?: string[]
  mountOptions?: string
  network?: Namespaces
  quiet: boolean
}

const gather = (value: string, all: string[] = []): string[] => [...all, value]

function namespaces(text: string): Namespaces {
  const [, name, subnet] = /^([\w-]+)\/(\d+\.\d+\.\d+)$/.exec(text) ?? []
  if (name === undefined || subnet === undefined) throw new InvalidArgumentError('expected NAME/A.B.C')
  return { name, subnet }
}

const program = new Command('scripts/cluster')
  .description('Throw-away clusters on this machine, as many side by side as you like.')
  .showHelpAfterError('(scripts/cluster --help says more)')

program.command('up')
  .description('start whatever does not run yet, and return when the mount answers')
  .requiredOption('--dir <folder>', 'where the cluster keeps its data, logs and process list')
  .option('--mount <folder>', 'where to mount it; made where missing')
  .option('--no-mount', 'start the servers only')
  .option('--chunkservers <n>', 'how many (default: as before, or 3)', wholeArgument(1, 100))
  .option('--replicas <n>', 'of every chunk (default: as before, or 3, or as many as there are chunkservers)',
    wholeArgument(1, 16))
  .option('--chunk-size <size>', 'of new files, such as 64MiB')
  .option('--trash-time <duration>', 'keep removed files for so long, such as 1h (default: as before, or not at all)')
  .option('--port-base <port>', 'the master takes this port, the chunkservers the next ones (default: free ones)',
    wholeArgument(1, 65_000))
  .option('--master-option <option>', 'passed to dfs-master, such as --master-option=--stale-ms=2000; may be repeated', gather)
  .option('--chunkserver-option <option>', 'passed to each dfs-chunkserver; may be repeated', gather)
  .option('--mount-options <list>', 'passed to dfs-mount as -o')
  .option('--network <name/a.b.c>', 'run the master in the network namespace NAME-0 at A.B.C.10, chunkserver 1 in NAME-1 at .11, '
    + 'and so on; they must exist', namespaces)
  .option('-q, --quiet', 'say nothing while all goes well', false)
  .action(async (flags: UpFlags) => {
    const dir = resolve(flags.dir)
    const say = flags.quiet ? (): void => {} : (line: string): void => { console.log(line) }
    await up({
      ...flags, dir, mount: typeof flags.mount === 'string' ? resolve(flags.mount) : flags.mount,
      masterOptions: flags.masterOption, chunkserverOptions: flags.chunkserverOption,
    }, say)
    say(`up: scripts/cluster status --dir ${dir}`)
  })

program.command('status')
  .description('each process: role, pid, address, data; exit code 1 where one does not run')
  .requiredOption('--dir <folder>', 'as given to up')
  .option('--json', 'for scripts', false)
  .action(async ({ dir, json }: { dir: string, json: boolean }) => {
    const found = await status(resolve(dir))
    if (found === undefined) throw new Error(`no cluster in ${resolve(dir)}`)
    console.log(json ? JSON.stringify(found, null, 2) : statusTable(found))
    if (!found.running) process.exitCode = 1
  })

program.command('down')
  .description('unmount and stop everything; the data stays')
  .requiredOption('--dir <folder>', 'as given to up')
  .option('-q, --quiet', 'say nothing while all goes well', false)
  .action(async ({ dir, quiet }: { dir: string, quiet: boolean }) => {
    const ended = await down(resolve(dir))
    if (ended === undefined) throw new Error(`no cluster in ${resolve(dir)}`)
    if (ended.killed.length > 0) console.log(`had to kill ${ended.killed.join(', ')}: see the logs in ${resolve(dir)}/logs`)
    if (!quiet) console.log(ended.stopped === 0 ? 'nothing was running' : `stopped ${String(ended.stopped)} processes`)
  })

try {
  await program.parseAsync()
} catch (error) {
  console.error(`scripts/cluster: ${error instanceof Error ? error.message : String(error)}`)
  process.exit(1)
}
