import { Command } from 'commander'
import type { Runner } from '../program.ts'

export function catCommand(run: Runner): Command {
  return new Command('cat').description('write files to standard output').argument('<PATH...>')
    .action((given: string[], options: { master?: string }) => run(options, async context => {
      for (const each of given) {
        await context.attempt(each, async () => {
          const { paths, path } = await context.at(each)
          for await (const piece of paths.read(path)) await context.print(piece)
        })
      }
    }))
}
