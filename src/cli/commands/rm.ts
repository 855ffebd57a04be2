import { Command } from 'commander'
import { isError } from '../../protocol/errors.ts'
import type { Runner } from '../program.ts'

interface Options { recursive?: boolean, force?: boolean, master?: string }

export function rmCommand(run: Runner): Command {
  return new Command('rm').description('remove files').argument('<PATH...>')
    .option('-r, --recursive', 'directories with all that is in them')
    .option('-f, --force', 'what is not there is fine')
    .action((given: string[], options: Options) => run(options, async context => {
      for (const each of given) {
        await context.attempt(each, async () => {
          const { paths, path } = await context.at(each)
          try {
            const { type } = await paths.lstat(path)
            if (type === 'directory' && options.recursive !== true) throw new Error('Is a directory (-r removes it)')
            await paths.remove(path, { recursive: options.recursive === true })
          } catch (error) {
            if (options.force !== true || !isError(error, 'no-such-entry')) throw error
          }
        })
      }
    }))
}
