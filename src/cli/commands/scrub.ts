import { Argument, Command } from 'commander'
import type { Client, ScrubStatus } from '../../client/index.ts'
import { sizeArgument } from '../daemon.ts'
import { UsageError, type Context } from '../context.ts'
import type { Runner } from '../program.ts'
import { table } from '../table.ts'
import { durationText, sizeText, timeText } from '../wording.ts'

interface Options { json?: boolean, rate?: number, master?: string }

/** How a server's scrubber gets on, or why that is not known. */
type Told = { server: number, address: string } & (ScrubStatus | { error: string })

const verbs = ['start', 'status'] as const

export function scrubCommand(run: Runner): Command {
  return new Command('scrub').description('how the servers get on with checking all their replicas; begin a pass now')
    .argument('[PATH]', 'tells which cluster, where --master does not')
    .addArgument(new Argument('[VERB]', 'start: all servers begin a pass now; status: show how they get on')
      .choices([...verbs]).default('status'))
    .option('--rate <size>', 'with start: bytes per second and server, at the most', sizeArgument)
    .option('--json', 'for scripts')
    .action((first: string | undefined, second: (typeof verbs)[number], options: Options) => run(options, async context => {
      // With --master there is no path to give, and the verb comes first.
      const isVerb = second === 'status' && verbs.some(verb => verb === first)
      const verb = isVerb ? first : second
      if (options.rate !== undefined && (verb !== 'start' || options.rate < 1)) throw new UsageError('--rate is a size, for start')
      const told = await ask(await context.cluster(isVerb ? undefined : first), client => (address: string) =>
        verb === 'start' ? client.admin.startScrub(address, options.rate) : client.admin.scrubStatus(address), context)
      if (options.json === true) await context.printJson({ servers: told })
      else await context.printLines(scrubLines(told))
    }))
}

async function ask(
  client: Client, question: (client: Client) => (address: string) => Promise<ScrubStatus>, context: Context,
): Promise<Told[]> {
  const { servers } = await client.admin.status()
  return Promise.all(servers.filter(({ state }) => state !== 'dead').map(async ({ server, address }) => {
    try {
      return { server, address, ...await question(client)(address) }
    } catch (error) {
      context.complain(address, error)
      return { server, address, error: error instanceof Error ? error.message : String(error) }
    }
  }))
}

/** For people. */
export function scrubLines(told: readonly Told[]): string[] {
  return table([
    [
      'server', 'address', 'state', 'done', 'checked', 'errors', 'skipped', 'at most', 'period',
      'last full pass', 'checked', 'skipped', 'errors',
    ],
    ...told.map(each => 'error' in each ? [String(each.server), each.address, 'silent'] : [
      String(each.server), each.address, each.state, doneText(each), String(each.checked), String(each.errors),
      String(each.skipped), `${sizeText(each.bytesPerS)}/s`, each.periodMs === 0 ? 'off' : durationText(each.periodMs),
      ...lastCells(each),
    ]),
  ], ['left', 'left', 'left', 'right', 'right', 'right', 'right', 'right', 'right', 'left', 'right', 'right', 'right'])
}

function lastCells({ last }: ScrubStatus): string[] {
  if (last === undefined) return ['never']
  return [timeText(BigInt(last.endedMs) * 1_000_000n), String(last.checked), String(last.skipped), String(last.errors)]
}

function doneText({ state, checkedBytes, leftBytes }: ScrubStatus): string {
  if (state !== 'running') return ''
  const all = checkedBytes + leftBytes
  return all === 0 ? '' : `${(checkedBytes / all * 100).toFixed(1)} %`
}
