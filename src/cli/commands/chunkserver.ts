import { Command } from 'commander'
import type { Client } from '../../client/index.ts'
import type { ChunkserverList } from '../../protocol/master-api.ts'
import { pause, systemClock } from '../../seams/clock.ts'
import type { Context } from '../context.ts'
import { progressFor } from '../copy/progress.ts'
import type { Runner } from '../program.ts'
import { table } from '../table.ts'
import { durationText, sizeText } from '../wording.ts'

type Chunkserver = ChunkserverList['servers'][number]
interface Options { json?: boolean, cancel?: boolean, wait?: boolean, force?: boolean, master?: string }

/** Between two looks at how far a drain has come, in ms. */
const LOOK_MS = 1_000

export function chunkserverCommand(run: Runner): Command {
  const command = new Command('chunkserver').description('list chunkservers, and take them out of the cluster')
  command.command('ls').description('show each chunkserver: state, replicas, room, whether it is being drained')
    .option('--json', 'for scripts')
    .action((options: Options) => run(options, async context => {
      const list = await (await context.cluster(undefined)).admin.chunkservers()
      if (options.json === true) await context.printJson(list)
      else await context.printLines(chunkserverLines(list))
    }))
  command.command('drain').argument('<ID...>', 'as `dfs chunkserver ls` shows it, or its HOST:PORT')
    .description('move everything off chunkservers, so that they can be stopped; each replica is copied before it is dropped')
    .option('--cancel', 'stop draining them')
    .option('--wait', 'return when they can be stopped')
    .action((ids: string[], options: Options) => run(options, context => drain(context, ids, options)))
  command.command('forget').argument('<ID>', 'as `dfs chunkserver ls` shows it, or its HOST:PORT')
    .description('forget a chunkserver that will never come back')
    .option('--force', 'also where it may have the only replica of something, which is lost then')
    .action((id: string, options: Options) => run(options, async context => {
      const { admin } = await context.cluster(undefined)
      const [server] = found(await admin.chunkservers(), [id])
      if (server === undefined) return
      await admin.forget(server.server, { force: options.force === true })
      await context.printLines([`The chunkserver at ${server.address} is forgotten.`])
    }))
  return command
}

async function drain(context: Context, ids: readonly string[], { cancel = false, wait = false }: Options): Promise<void> {
  const client = await context.cluster(undefined)
  const chosen = found(await client.admin.chunkservers(), ids)
  for (const warning of await client.admin.drain(chosen.map(({ server }) => server), { cancel })) {
    context.machine.stderr.write(`dfs: warning: ${warning}\n`)
  }
  if (cancel) {
    await context.printLines(chosen.map(({ address }) => `The chunkserver at ${address} stays.`))
    return
  }
  if (wait) await waitUntilEmpty(context, client, chosen)
  const now = (await client.admin.chunkservers()).servers.filter(({ server }) => chosen.some(each => each.server === server))
  await context.printLines(now.map(server => isDrained(server)
    ? `The chunkserver at ${server.address} has nothing left: it is safe to stop it.`
    : `Moving ${String(server.replicas)} replicas (${sizeText(server.replicaBytes)}) off the chunkserver at ${server.address}: `
      + 'dfs chunkserver ls shows how far it is.'))
}

async function waitUntilEmpty({ machine }: Context, { admin }: Client, chosen: readonly Chunkserver[]): Promise<void> {
  const progress = progressFor(machine, 'draining')
  let leftBytes = chosen.reduce((sum, { replicaBytes }) => sum + replicaBytes, 0)
  progress.expect(leftBytes)
  try {
    for (;;) {
      const { servers } = await admin.chunkservers()
      const now = servers.filter(({ server }) => chosen.some(each => each.server === server))
      const bytes = now.reduce((sum, { replicaBytes }) => sum + replicaBytes, 0)
      progress.advance(leftBytes - bytes)
      leftBytes = bytes
      const stays = now.find(({ draining }) => !draining)
      if (stays !== undefined) throw new Error(`the chunkserver at ${stays.address} is not being drained any more`)
      if (now.every(isDrained)) return
      await pause(systemClock, LOOK_MS)
    }
  } finally {
    progress.end()
  }
}

function isDrained({ draining, empty }: Chunkserver): boolean {
  return draining && empty
}

/** @throws Error naming what is no chunkserver */
function found({ servers }: ChunkserverList, ids: readonly string[]): Chunkserver[] {
  return ids.map(id => {
    const server = servers.find(each => String(each.server) === id || each.address === id)
    if (server === undefined) throw new Error(`there is no chunkserver ${id}: dfs chunkserver ls shows them`)
    return server
  })
}

/** The chunkservers for people. */
export function chunkserverLines({ servers }: ChunkserverList): string[] {
  return table([
    ['server', 'address', 'rack', 'host', 'state', 'heard', 'replicas', 'bytes', 'total', 'free', 'drain'],
    ...servers.map(server => [
      String(server.server), server.address, server.rack, server.host, server.state,
      `${durationText(server.heartbeatAgeMs)} ago`, String(server.replicas), sizeText(server.replicaBytes),
      sizeText(server.totalBytes), sizeText(server.freeBytes),
      isDrained(server) ? 'safe to stop' : server.draining ? 'draining' : '-',
    ]),
  ], ['left', 'left', 'left', 'left', 'left', 'right', 'right', 'right', 'right', 'right'])
}
