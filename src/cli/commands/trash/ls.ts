import { Command } from 'commander'
import type { TrashedFile } from '../../../protocol/master-api.ts'
import type { Runner } from '../../program.ts'
import { table } from '../../table.ts'
import { sizeText, timeText } from '../../wording.ts'
import { pathJson } from '../stat.ts'

interface Options { json?: boolean, master?: string }

export function lsCommand(run: Runner): Command {
  return new Command('ls').description('list removed files of a path and below')
    .argument('[PATH]', 'as it was, there or not; by default this folder if it is under a mount, else all')
    .option('--json', 'for scripts')
    .action((given: string | undefined, options: Options) => run(options, async context => {
      const { client, path } = await context.at(given ?? context.defaultPath())
      const files: TrashedFile[] = []
      for await (const page of client.trash(context.machine.caller).list(path)) files.push(...page.files)
      if (options.json === true) await context.printJson(files.map(trashedJson))
      else if (files.length > 0) await context.print(Buffer.from(`${trashLines(files).join('\n')}\n`, 'latin1'))
    }))
}

/** Removed files for people; paths are bytes, and come out as they are. */
function trashLines(files: readonly TrashedFile[]): string[] {
  return table([
    ['id', 'size', 'deleted', 'by', 'expires', 'path'],
    ...files.map(({ inode, sizeBytes, deletedNs, deletedBy, expiresNs, path }) => [
      String(inode), sizeText(sizeBytes), timeText(deletedNs), String(deletedBy), timeText(expiresNs), path,
    ]),
  ], ['right', 'right', 'left', 'right', 'left'])
}

function trashedJson({ inode, path, ...others }: TrashedFile): object {
  return { id: inode, ...pathJson(path), ...others }
}
