import { Command } from 'commander'
import { fsck, noCounts, problems, type Finding, type FsckCounts } from '../../client/index.ts'
import { bytesOfPath } from '../../client/paths/resolve.ts'
import { failureCodes, type Context } from '../context.ts'
import type { Runner } from '../program.ts'
import { table } from '../table.ts'
import { sizeText } from '../wording.ts'
import { nameJson } from './stat.ts'

interface Options { json?: boolean, verify?: boolean, master?: string }

const HELP = `
Without PATH, or with the root, also looks at the removed files in the trash that one may see, and on all servers for
replicas that belong to no chunk.

What is told of a chunk:
  missing           no server that answers has a good replica
  under-replicated  fewer good replicas than wanted
  leaving           too few of them on servers that are not being drained
  over-replicated   more
  misplaced         its replicas stand on fewer racks than they could
  corrupt           a replica does not match its checksums, or its disk failed
  doubtful          a replica may lack unsynced writes, after a power cut
  stale             a replica missed writes

Exit code: 0 all is healthy, 1 something is amiss and all data is there, 2 data is missing,
8 something could not be looked at, 16 called wrongly.`

/** How often somebody who watches is told how far it is, in ms. */
const TELL_MS = 200

export function fsckCommand(run: Runner): Command {
  return new Command('fsck').argument('[PATH]')
    .description('tell the health of all files below a directory, or of the whole cluster')
    .option('--json', 'for scripts')
    .option('--verify', 'have the servers read and check every replica')
    .addHelpText('after', HELP)
    .action((given: string | undefined, options: Options) => run(options, async context => {
      const counts = noCounts()
      const { client, paths, path, shown } = await context.at(given ?? context.defaultPath())
      const attributes = await paths.lstat(path)
      const { fileSystem, admin } = client
      const watching = watch(context, counts)
      const findings: ((finding: Finding) => Promise<void>) = options.json === true ? jsonFindings(context) : finding =>
        context.print(Buffer.from(`${linesOf(finding).join('\n')}\n`, 'latin1'))
      const isWhole = attributes.inode === fileSystem.root
      if (options.json === true) await context.print('{"findings":[')
      try {
        await fsck({ admin, fileSystem }, {
          start: { path: bytesOfPath(given === undefined ? path : Buffer.from(shown)), attributes },
          caller: context.machine.caller, verify: options.verify === true,
          trash: isWhole ? client.trash(context.machine.caller) : undefined, orphans: isWhole,
          report: finding => watching.pausedFor(() => findings(finding)), counts,
        })
      } finally {
        watching.end()
      }
      context.exitCode = exitCodeOf(counts)
      if (options.json === true) await context.print(`\n],"health":"${healthOf(counts)}","counts":${JSON.stringify(counts)}}\n`)
      else await context.printLines(['', ...sums(counts), '', wordsOf(counts)])
    }, failureCodes.fsck))
}

function exitCodeOf(counts: FsckCounts): number {
  switch (healthOf(counts)) {
    case 'missing': return 2
    case 'unread': return failureCodes.fsck
    case 'degraded': return 1
    case 'healthy': return 0
  }
}

function healthOf(counts: FsckCounts): 'healthy' | 'degraded' | 'missing' | 'unread' {
  if (counts.problems.missing > 0) return 'missing'
  if (counts.unread > 0) return 'unread'
  return counts.unhealthyFiles + counts.orphans > 0 ? 'degraded' : 'healthy'
}

function wordsOf(counts: FsckCounts): string {
  switch (healthOf(counts)) {
    case 'missing': return 'DATA IS MISSING: bring back the servers that have it.'
    case 'unread': return 'NOT ALL COULD BE LOOKED AT.'
    case 'degraded': return 'DEGRADED: something is amiss, and all data is there.'
    case 'healthy': return 'HEALTHY'
  }
}

/** Paths are bytes, and so are the lines: one character each. */
function linesOf(finding: Finding): string[] {
  switch (finding.kind) {
    case 'chunk':
      return [
        `${finding.path}${finding.inTrash ? ` (in the trash, id ${String(finding.inode)})` : ''}: `
        + `chunk ${String(finding.chunk)} (index ${String(finding.index)}): ${finding.problems.join(', ')}`,
        ...finding.replicas.map(({ server, address, rack, state }) =>
          `    ${state.padEnd(8)}  ${address}  ${rack}  server ${String(server)}`),
      ]
    case 'orphan':
      return [`chunk ${String(finding.chunk)} belongs to no file: replica of ${sizeText(finding.lengthBytes)} at `
        + `${finding.address}, server ${String(finding.server)}`]
    case 'unread':
      return [`${finding.path}: could not be looked at: ${finding.error}`]
  }
}

function jsonFindings(context: Context): (finding: Finding) => Promise<void> {
  let separator = '\n'
  return finding => {
    const text = `${separator}${JSON.stringify('path' in finding ? { ...finding, ...pathJson(finding.path) } : finding)}`
    separator = ',\n'
    return context.print(text)
  }
}

function pathJson(path: string): { path: string, pathBase64?: string } {
  const { name, nameBase64 } = nameJson(path)
  return { path: name, ...(nameBase64 === undefined ? {} : { pathBase64: nameBase64 }) }
}

function sums(counts: FsckCounts): string[] {
  const row = (name: string, count: number): string[] => [name, String(count)]
  return table([
    ['files', `${String(counts.files)} (${sizeText(counts.bytes)})`],
    ['files in the trash', `${String(counts.trashFiles)} (${sizeText(counts.trashBytes)})`],
    row('directories', counts.directories), row('links and others', counts.others),
    row('chunks', counts.chunks), row('replicas', counts.replicas), row('files with problems', counts.unhealthyFiles),
    ...problems.map(problem => row(`chunks ${problem}`, counts.problems[problem])),
    row('orphaned replicas', counts.orphans),
  ])
}

/** A line on standard error for a person who watches. */
function watch({ machine: { watched, stderr } }: Context, counts: FsckCounts): {
  pausedFor(print: () => Promise<void>): Promise<void>, end(): void,
} {
  if (!watched) return { pausedFor: print => print(), end() {} }
  const clear = (): void => { stderr.write('\r\x1b[K') }
  const timer = setInterval(() => {
    clear()
    const { files, chunks, unhealthyFiles } = counts
    stderr.write(`${String(files)} files, ${String(chunks)} chunks, ${String(unhealthyFiles)} files with problems`)
  }, TELL_MS)
  return {
    pausedFor: print => {
      clear()
      return print()
    },
    end: () => {
      clearInterval(timer)
      clear()
    },
  }
}

