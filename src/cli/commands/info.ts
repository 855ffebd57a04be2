import { Command } from 'commander'
import type { Client } from '../../client/index.ts'
import type { ChunkVersion } from '../../protocol/identifiers.ts'
import type { FileInfo } from '../../protocol/master-api.ts'
import { DfsError } from '../../protocol/errors.ts'
import type { Runner } from '../program.ts'
import { table } from '../table.ts'
import { sizeText } from '../wording.ts'

interface Options { json?: boolean, verify: boolean, master?: string }

type Chunk = FileInfo['chunks'][number]
type Replica = Chunk['replicas'][number]

/** Replicas asked at the same time: each reads a whole chunk from its disk. */
const INSPECTIONS_MAX = 12

export function infoCommand(run: Runner): Command {
  return new Command('info').description('show the chunks of files and where their replicas are').argument('<PATH...>')
    .option('--json', 'for scripts')
    .option('--no-verify', 'do not have the servers read and check every replica')
    .action((given: string[], options: Options) => run(options, async context => {
      for (const each of given) {
        await context.attempt(each, async () => {
          const { client, paths, path } = await context.at(each)
          const { inode, type } = await paths.stat(path)
          if (type !== 'file') {
            throw new DfsError(type === 'directory' ? 'is-a-directory' : 'invalid', `a ${type} has no chunks`)
          }
          const info = await inspected(client, await client.admin.fileInfo(inode), options.verify)
          if (options.json === true) await context.printJson({ path: each, inode, ...info })
          else await context.printLines(infoLines(each, info))
        })
      }
    }))
}

/** The same file with what each server itself says of its replicas. */
async function inspected(client: Client, info: FileInfo, verify: boolean): Promise<FileInfo> {
  const all = info.chunks.flatMap(chunk => chunk.replicas.map(replica => ({ chunk, replica })))
  const asked = new Map<Replica, Replica>()
  const next = all.values()
  const inspector = async (): Promise<void> => {
    for (const { chunk, replica } of next) asked.set(replica, await inspect(client, chunk, replica, verify))
  }
  await Promise.all(Array.from({ length: INSPECTIONS_MAX }, inspector))
  return {
    ...info,
    chunks: info.chunks.map(chunk => ({
      ...chunk, replicas: chunk.replicas.map(replica => asked.get(replica) ?? replica),
    })),
  }
}

async function inspect(client: Client, chunk: Chunk, replica: Replica, verify: boolean): Promise<Replica> {
  try {
    const { version, lengthBytes, state } = await client.admin.inspect(replica.address, chunk.chunk, verify)
    return { ...replica, version, lengthBytes, state: isOld(version, chunk.version) ? 'stale' : state }
  } catch {
    return { ...replica, state: 'silent' }
  }
}

function isOld(version: ChunkVersion, current: ChunkVersion): boolean {
  return version < current
}

/** A file's chunks for people: one line for each replica, the primary marked. */
export function infoLines(path: string, info: FileInfo): string[] {
  const rows = info.chunks.flatMap(chunk => {
    const replicas = chunk.replicas.length === 0
      ? [['', 'no replica is known', '', '', '', '']]
      : chunk.replicas.map(replica => [
          String(replica.server), replica.address, replica.rack, String(replica.lengthBytes), replica.state,
          replica.server === chunk.primary ? 'primary' : '',
        ])
    return replicas.map((cells, at) => [
      ...(at === 0 ? [String(chunk.index), String(chunk.chunk), String(chunk.version)] : ['', '', '']), ...cells,
    ])
  })
  return [
    ...table([
      ['path', path],
      ['size', `${String(info.sizeBytes)} (${sizeText(info.sizeBytes)})`],
      ['chunk size', sizeText(info.chunkSizeBytes)],
      ['chunks', String(info.chunks.length)],
    ]),
    ...(rows.length === 0 ? [] : ['', ...table([
      ['index', 'chunk', 'version', 'server', 'address', 'rack', 'length', 'checksums', 'role'], ...rows,
    ], ['right', 'right', 'right', 'left', 'left', 'left', 'right'])]),
  ]
}
