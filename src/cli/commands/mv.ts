import { Command } from 'commander'
import { UsageError } from '../context.ts'
import { insideOf } from '../copy/destination.ts'
import type { Runner } from '../program.ts'

interface Options { replace: boolean, master?: string }

export function mvCommand(run: Runner): Command {
  return new Command('mv').description('move or rename files within a cluster')
    .argument('<FROM>').argument('<TO>', 'a new name, or a directory to move it into')
    .option('-n, --no-replace', 'leave a file that has the new name already')
    .action((from: string, to: string, options: Options) =>
      run(options, async context => {
        const source = await context.at(from)
        const target = await context.at(to)
        if (source.client !== target.client) throw new UsageError(`${from} and ${to} are in different clusters`)
        await context.attempt(`${from} to ${to}`, async () => {
          const path = await insideOf(target, source.path)
          await source.paths.rename(source.path, path, options.replace ? 'replace' : 'no-replace')
        })
      }))
}
