import { Command, CommanderError } from 'commander'
import { parseOptions, type MountOptions } from './options.ts'
import { parseSource, type Source } from './source.ts'

/** What the command line asks for. */
export type Invocation =
  | { kind: 'mount', source: Source, mountPoint: string, foreground: boolean, readyFd: number | undefined, options: MountOptions }
  /** Everything is said already, or nothing is to be done. */
  | { kind: 'over', status: number }

interface Flags {
  options: string[]
  foreground: boolean
  readyFd?: string
  fake: boolean
}

/** Exit status of a command line that makes no sense, as mount(8) has it. */
export const STATUS_USAGE = 1

/** Reads the command line; also as mount(8) calls a helper: SOURCE DIR [-sfnv] [-o OPTIONS]. */
export function parseArguments(argv: readonly string[], version: string, say: (text: string) => void): Invocation {
  const gather = (list: string, lists: string[]): string[] => [...lists, list]
  const command = new Command('dfs-mount')
    .description('Mounts a dfs file system, or one of its directories. In the background: returns once the mount answers.')
    .argument('<source>', 'HOST:PORT[,HOST:PORT…][:/DIRECTORY] of the master or masters')
    .argument('<mountpoint>', 'an existing directory')
    .option('-o, --options <list>', 'mount options, with commas between them; may be given again', gather, [])
    .option('--foreground', 'stay in the foreground, and log to standard error', false)
    .option('-n, --no-mtab', 'accepted for mount(8)')
    .option('-s, --sloppy', 'accepted for mount(8)')
    .option('-v, --verbose', 'accepted for mount(8)')
    .option('-t, --types <type>', 'accepted for mount(8)')
    .option('-f, --fake', 'check the arguments and do nothing else', false)
    .option('--ready-fd <number>', 'internal')
    .version(version, '-V, --version')
    .addHelpText('after', `
Mount options:
  ro                       read-only
  allow_other              other users may look in (default for root; noallow_other: they may not)
  driver=kernel            speak to the kernel directly: the default for root
  driver=fuse-native       through libfuse and fusermount3: the default for others
  host=NAME                this machine, as its chunkservers name it: they are read from first
  patience=SECONDS         how long calls, reads and writes wait for servers before they fail (default 60)
  log=FILE                 where a mount in the background logs
  log_level=LEVEL          debug, info, warn or error
  nodev nosuid noexec noatime sync …   as in mount(8)

SIGTERM and SIGINT write everything out and unmount. Files open then lose their file system; a second signal waits for nothing.
Exit status: 0 mounted (with --foreground: and unmounted again), 1 the command line makes no sense, 32 not mounted.`)
    .exitOverride()
    .configureOutput({ writeOut: say, writeErr: say })
  try {
    command.parse([...argv], { from: 'user' })
    const flags = command.opts<Flags>()
    const [source = '', mountPoint = ''] = command.args
    const parsed = { source: parseSource(source), options: parseOptions(flags.options) }
    if (flags.fake) return { kind: 'over', status: 0 }
    return {
      kind: 'mount', ...parsed, mountPoint, foreground: flags.foreground,
      readyFd: flags.readyFd === undefined ? undefined : Number(flags.readyFd),
    }
  } catch (error) {
    // Commander has said what is wrong; help and version are errors to it, with status 0.
    if (error instanceof CommanderError) return { kind: 'over', status: error.exitCode === 0 ? 0 : STATUS_USAGE }
    say(`dfs-mount: ${error instanceof Error ? error.message : String(error)}\n`)
    return { kind: 'over', status: STATUS_USAGE }
  }
}
