import { Argument, Command, InvalidArgumentError } from 'commander'
import type { Client } from '../../client/index.ts'
import type { BalanceStatus } from '../../protocol/master-api.ts'
import { pause, systemClock } from '../../seams/clock.ts'
import { UsageError, type Context } from '../context.ts'
import { progressFor } from '../copy/progress.ts'
import { sizeArgument } from '../daemon.ts'
import type { Runner } from '../program.ts'
import { table } from '../table.ts'
import { durationText, sizeText } from '../wording.ts'

interface Options { json?: boolean, wait?: boolean, threshold?: number, rate?: number, master?: string }

const verbs = ['start', 'status', 'stop'] as const
type Verb = (typeof verbs)[number]

const DEFAULT_THRESHOLD = 0.1
const DEFAULT_RATE_BYTES = 10 * 1024 * 1024
/** Between two looks at how far it is, in ms. */
const LOOK_MS = 1_000

const HELP = `
Replicas move from the fullest servers to the emptiest, each copied before it is dropped, until the used share of every
server is within --threshold of that of all together. It goes on without this command, and ends with the master's process.

With --wait, exit code 1 says that it ended before that: stopped, or nothing more could be moved.`

export function balanceCommand(run: Runner): Command {
  return new Command('balance').description('even out how full the servers are')
    .argument('[PATH]', 'tells which cluster, where --master does not')
    .addArgument(new Argument('[VERB]', 'start, stop, or show how it gets on').choices([...verbs]).default('status'))
    .option('--threshold <percent>', 'with start: how far from the mean a server may be (default: 10%)', percentArgument)
    .option('--rate <size>', 'with start: bytes per second that a server gives or takes at the most; 0: no limit (default: 10MiB)',
      sizeArgument)
    .option('--wait', 'return when it has ended')
    .option('--json', 'for scripts')
    .addHelpText('after', HELP)
    .action((first: string | undefined, second: Verb, options: Options) => run(options, async context => {
      // With --master there is no path to give, and the verb comes first.
      const given = second === 'status' ? verbs.find(verb => verb === first) : undefined
      const verb = given ?? second
      if (verb !== 'start' && (options.threshold !== undefined || options.rate !== undefined)) {
        throw new UsageError('--threshold and --rate are for start')
      }
      const client = await context.cluster(given === undefined ? first : undefined)
      let status = await asked(client, verb, options)
      if (options.wait === true) status = await ended(context, client, status)
      if (options.json === true) await context.printJson(status)
      else await context.printLines(balanceLines(status))
      if (options.wait === true && status.state !== 'balanced' && status.state !== 'off') context.exitCode = 1
    }))
}

function asked({ admin }: Client, verb: Verb, { threshold, rate }: Options): Promise<BalanceStatus> {
  switch (verb) {
    case 'start': return admin.startBalance({ threshold: threshold ?? DEFAULT_THRESHOLD, rateBytes: rate ?? DEFAULT_RATE_BYTES })
    case 'stop': return admin.stopBalance()
    case 'status': return admin.balance()
  }
}

/** How it was when it ended. @throws Error the master was restarted meanwhile */
async function ended({ machine }: Context, { admin }: Client, before: BalanceStatus): Promise<BalanceStatus> {
  if (before.state !== 'running') return before
  const progress = progressFor(machine, 'balancing')
  let { movedBytes, leftBytes } = before
  let expected = leftBytes
  progress.expect(expected)
  try {
    for (;;) {
      const now = await admin.balance()
      if (now.state === 'off') throw new Error('the master was restarted, and with it balancing has ended: start it again')
      // What is written meanwhile changes what is left.
      const all = now.movedBytes - before.movedBytes + now.leftBytes
      progress.expect(all - expected)
      progress.advance(now.movedBytes - movedBytes)
      expected = all
      ;({ movedBytes, leftBytes } = now)
      if (now.state !== 'running') return now
      await pause(systemClock, LOOK_MS)
    }
  } finally {
    progress.end()
  }
}

/** A share of 0 to 1 from what people write: `10%`, or `10`. */
export function percentArgument(text: string): number {
  const percent = /^(\d+(?:\.\d+)?)\s*%?$/.exec(text)?.[1]
  const share = Number(percent) / 100
  if (percent === undefined || share < 0.001 || share > 1) throw new InvalidArgumentError('expected 0.1% to 100%')
  return share
}

/** For people. */
export function balanceLines(status: BalanceStatus): string[] {
  const { state, threshold, rateBytes, mean, movedChunks, movedBytes, bytesPerSecond, leftBytes, running, tookMs } = status
  const rate = rateBytes === 0 ? 'without a limit' : `at most ${sizeText(rateBytes)}/s for each server`
  const left = bytesPerSecond === 0 ? ''
    : `, about ${durationText(leftBytes / bytesPerSecond * 1_000)} at ${sizeText(bytesPerSecond)}/s`
  const facts = table([
    ['balancing', stateText(status)],
    ['mean', `${percentText(mean)} used`],
    ['threshold', `${percentText(threshold)} more or less`],
    ...state === 'off' ? [] : [
      ['moved', `${String(movedChunks)} replicas, ${sizeText(movedBytes)}, in ${durationText(tookMs)}`],
    ],
    ...state === 'running' ? [['moving', `${String(running)} replicas, ${rate}`]] : [],
    ['to move', `${sizeText(leftBytes)}${state === 'running' ? left : ''}`],
  ])
  const servers = table([
    ['server', 'address', 'rack', 'host', 'total', 'used', 'share', 'from mean'],
    ...[...status.servers].sort((one, other) => other.share - one.share).map(server => [
      String(server.server), server.address, server.rack, server.host, sizeText(server.totalBytes), sizeText(server.usedBytes),
      percentText(server.share),
      server.takesPart ? `${server.share < mean ? '-' : '+'}${percentText(Math.abs(server.share - mean))}` : 'takes no part',
    ]),
  ], ['left', 'left', 'left', 'left', 'right', 'right', 'right', 'right'])
  return [...facts, '', ...servers]
}

function stateText({ state, waitsForRepair }: BalanceStatus): string {
  switch (state) {
    case 'off': return 'off'
    case 'running': return waitsForRepair ? 'waits until chunks with too few replicas are repaired' : 'running'
    case 'balanced': return 'ended: every server is near enough to the mean'
    case 'stuck': return 'ended: nothing more can be moved without making something worse'
    case 'stopped': return 'stopped'
  }
}

function percentText(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
