import { Command } from 'commander'
import type { ClusterStatus } from '../../protocol/master-api.ts'
import type { Runner } from '../program.ts'
import { table } from '../table.ts'
import { durationText, sizeText } from '../wording.ts'

export function statusCommand(run: Runner): Command {
  return new Command('status').description('show how the cluster is: servers, chunks, repairs, remarks').argument('[PATH]')
    .option('--json', 'for scripts')
    .action((given: string | undefined, options: { json?: boolean, master?: string }) => run(options, async context => {
      const status = await (await context.cluster(given)).admin.status()
      if (options.json === true) await context.printJson(status)
      else await context.printLines(statusLines(status))
    }))
}

/** A cluster's state for people. */
export function statusLines(status: ClusterStatus): string[] {
  const facts = table([
    ['cluster', status.cluster],
    ['version', `${status.version}, up ${durationText(status.uptimeMs)}`],
    ['inodes', String(status.inodes)],
    ['chunks', `${String(status.chunks)}, ${String(status.replicas)} replicas each, placement ${status.placement}`],
    ['under-replicated', `${String(status.underReplicated)}, repairs running: ${String(status.repairsRunning)}`],
    ['missing', String(status.missing)],
    ['trash', trashText(status.trash)],
    ['garbage', `${String(status.garbage)} replicas to drop`],
    ['journal', sizeText(status.journalBytes)],
    ['sessions', String(status.sessions)],
  ])
  const servers = table([
    ['server', 'address', 'rack', 'host', 'state', 'heard', 'replicas', 'total', 'free', 'disk'],
    ...status.servers.map(server => [
      String(server.server), server.address, server.rack, server.host, server.state,
      `${durationText(server.heartbeatAgeMs)} ago`, String(server.replicas), sizeText(server.totalBytes),
      sizeText(server.freeBytes), server.diskFault === '' ? 'ok' : server.diskFault,
    ]),
  ], ['left', 'left', 'left', 'left', 'left', 'right', 'right', 'right', 'right'])
  const remarks = status.remarks.map(remark => `! ${remark}`)
  return [...facts, '', ...servers, ...(remarks.length === 0 ? [] : ['', ...remarks])]
}

function trashText({ files, bytes, keepMs }: ClusterStatus['trash']): string {
  const kept = keepMs === 0 ? 'off for files removed now' : `removed files are kept for ${durationText(keepMs)}`
  return `${String(files)} files, ${sizeText(bytes)}; ${kept}`
}
