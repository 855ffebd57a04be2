import { Command } from 'commander'
import type { Runner } from '../program.ts'

export function mkdirCommand(run: Runner): Command {
  return new Command('mkdir').description('make directories').argument('<PATH...>')
    .option('-p, --parents', 'also those on the way; one that is there is fine')
    .action((given: string[], options: { parents?: boolean, master?: string }) => run(options, async context => {
      for (const each of given) {
        await context.attempt(each, async () => {
          const { paths, path } = await context.at(each)
          await paths.mkdir(path, { mode: 0o777 & ~context.machine.umask, parents: options.parents === true })
        })
      }
    }))
}
