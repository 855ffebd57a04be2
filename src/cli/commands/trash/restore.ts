import { Command } from 'commander'
import { DfsError, isError } from '../../../protocol/errors.ts'
import type { InodeId } from '../../../protocol/identifiers.ts'
import type { TrashedFile } from '../../../protocol/master-api.ts'
import { UsageError, type Context, type Located } from '../../context.ts'
import { insideOf } from '../../copy/destination.ts'
import type { Runner } from '../../program.ts'

interface Options { to?: string, recursive?: boolean, master?: string }

/** Of several removed from one place a path names the latest. */
const ID = /^\d+$/

export function restoreCommand(run: Runner): Command {
  return new Command('restore').description('bring a removed file back; nothing is overwritten')
    .argument('<PATH|ID>', 'the latest file removed from there, or the very one with this id of `dfs trash ls`')
    .option('--to <PATH>', 'another place, or a directory to put it into; not where it was')
    .option('-r, --recursive', 'all that was removed below PATH, the latest file of each name')
    .action((given: string, options: Options) => run(options, async context => {
      const isId = ID.test(given)
      if (options.recursive === true && (isId || options.to !== undefined)) {
        throw new UsageError('-r brings all files below a PATH back to where they were: no ID, no --to')
      }
      const place = await context.at(isId ? context.defaultPath() : given)
      if (options.recursive === true) {
        for (const file of await latestBelow(context, place)) {
          await context.attempt(shown(file), () => restore(context, place, file, undefined))
        }
        return
      }
      const to = options.to === undefined ? undefined : await context.at(options.to)
      if (to !== undefined && to.client !== place.client) {
        throw new UsageError(`${given} and ${to.shown} are in different clusters`)
      }
      await context.attempt(given, async () => {
        const file = isId ? await withId(context, place, Number(given)) : await latestOf(context, place)
        await restore(context, place, file, to)
      })
    }))
}

async function restore(
  context: Context, { client, shown: given }: Located, file: TrashedFile, to: Located | undefined,
): Promise<void> {
  const { caller, umask } = context.machine
  const before = Buffer.from(file.path, 'latin1')
  if (to === undefined && !file.path.startsWith('/')) {
    throw new DfsError('name-too-long', `${given} was at a path too long to be kept: say where it goes with --to`)
  }
  const path = to === undefined ? before : await destination(to, before)
  await client.trash(caller).restore(file.inode, path, 0o777 & ~umask)
  await context.print(Buffer.concat([Buffer.from('restored '), path, Buffer.from('\n')]))
}

/** Where it goes: into a directory that is there, else to this very path, whose directories may be missing. */
async function destination(to: Located, before: Buffer): Promise<Buffer> {
  try {
    return await insideOf(to, before)
  } catch (error) {
    if (isError(error, 'no-such-entry')) return to.path
    throw error
  }
}

async function latestOf({ machine }: Context, { client, path }: Located): Promise<TrashedFile> {
  return await client.trash(machine.caller).latest(path) ?? notThere('no such file in the trash')
}

async function withId({ machine }: Context, { client }: Located, id: number): Promise<TrashedFile> {
  return await client.trash(machine.caller).get(id as InodeId) ?? notThere('no file with this id in the trash')
}

async function latestBelow({ machine }: Context, { client, path }: Located): Promise<TrashedFile[]> {
  const latest = new Map<string, TrashedFile>()
  for await (const { files } of client.trash(machine.caller).list(path)) {
    for (const file of files) {
      const other = latest.get(file.path)
      if (other === undefined || other.deletedNs < file.deletedNs) latest.set(file.path, file)
    }
  }
  return [...latest.values()]
}

function notThere(message: string): never {
  throw new Error(message)
}

function shown({ path }: TrashedFile): string {
  return Buffer.from(path, 'latin1').toString()
}
