import { Command } from 'commander'
import type { ClusterStatus } from '../../protocol/master-api.ts'
import type { Runner } from '../program.ts'
import { table } from '../table.ts'
import { durationText, sizeText } from '../wording.ts'

interface Options { json?: boolean, check?: boolean, master?: string }

export function statusCommand(run: Runner): Command {
  return new Command('status').description('show how the cluster is: servers, chunks, repairs, remarks').argument('[PATH]')
    .option('--json', 'for scripts')
    .option('--check', 'exit with 1 where a server is not live or a chunk has not all its replicas')
    .action((given: string | undefined, options: Options) => run(options, async context => {
      const status = await (await context.cluster(given)).admin.status()
      if (options.json === true) await context.printJson({ ...status, healthy: isHealthy(status) })
      else await context.printLines(statusLines(status))
      if (options.check === true && !isHealthy(status)) context.exitCode = 1
    }))
}

/** Whether every chunk has what it should, and every server could take more. */
export function isHealthy({ servers, underReplicated, missing, corrupt }: ClusterStatus): boolean {
  return servers.length > 0 && servers.every(({ state, diskFault }) => state === 'live' && diskFault === '')
    && underReplicated + missing + corrupt === 0
}

/** A cluster's state for people. */
export function statusLines(status: ClusterStatus): string[] {
  const { checkpoint, repair: { queued, running, copies, copiedBytes, bytesPerSecond } } = status
  const facts = table([
    ['cluster', status.cluster],
    ['version', `${status.version}, up ${durationText(status.uptimeMs)}`],
    ['health', isHealthy(status) ? 'healthy' : status.missing > 0 ? 'data is missing' : 'degraded'],
    ['inodes', String(status.inodes)],
    ['chunks', `${String(status.chunks)}, ${String(status.replicas)} replicas each, placement ${status.placement}`],
    ['under-replicated', String(status.underReplicated)],
    ['missing', String(status.missing)],
    ['corrupt', `${String(status.corrupt)} replicas`],
    ['repair queue', Object.entries(queued).map(([need, count]) => `${need} ${String(count)}`).join(', ')],
    ['repair', `${String(running)} running, ${sizeText(bytesPerSecond)}/s; `
      + `${String(copies)} copies of ${sizeText(copiedBytes)} so far`],
    ['trash', trashText(status.trash)],
    ['garbage', `${String(status.garbage)} replicas to drop`],
    ['journal', `${sizeText(status.journalBytes)} since the last checkpoint`],
    ['checkpoint', checkpoint.index === 0 ? 'none yet' : `up to entry ${String(checkpoint.index)}, `
      + (checkpoint.ageMs === undefined ? 'before the last start' : `${durationText(checkpoint.ageMs)} ago`)],
    ['sessions', String(status.sessions)],
    ['longest pause', `${String(status.longestPauseMs)} ms; ${String(status.longestWorkMs)} ms of own work at the most`],
  ])
  const servers = table([
    [
      'server', 'address', 'rack', 'host', 'state', 'heard', 'replicas', 'total', 'used', 'free',
      'load', 'corrupt', 'failures', 'disk',
    ],
    ...status.servers.map(server => [
      String(server.server), server.address, server.rack, server.host, server.state,
      `${durationText(server.heartbeatAgeMs)} ago`, String(server.replicas), sizeText(server.totalBytes),
      sizeText(server.totalBytes - server.freeBytes), sizeText(server.freeBytes), String(server.load),
      String(server.corruptFound), String(server.diskFailures), server.diskFault === '' ? 'ok' : server.diskFault,
    ]),
  ], ['left', 'left', 'left', 'left', 'left', 'right', 'right', 'right', 'right', 'right', 'right', 'right', 'right'])
  const remarks = status.remarks.map(remark => `! ${remark}`)
  return [...facts, '', ...servers, ...(remarks.length === 0 ? [] : ['', ...remarks])]
}

function trashText({ files, bytes, keepMs }: ClusterStatus['trash']): string {
  const kept = keepMs === 0 ? 'off for files removed now' : `removed files are kept for ${durationText(keepMs)}`
  return `${String(files)} files, ${sizeText(bytes)}; ${kept}`
}
