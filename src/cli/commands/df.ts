import { Command } from 'commander'
import type { Runner } from '../program.ts'
import { table } from '../table.ts'
import { sizeText } from '../wording.ts'

export function dfCommand(run: Runner): Command {
  return new Command('df').description('show how much room there is, with all replicas counted').argument('[PATH]')
    .option('--json', 'for scripts')
    .action((given: string | undefined, options: { json?: boolean, master?: string }) => run(options, async context => {
      const { totalBytes, freeBytes, files } = await (await context.cluster(given)).fileSystem.totals()
      const usedBytes = totalBytes - freeBytes
      if (options.json === true) {
        await context.printJson({ totalBytes, usedBytes, freeBytes, files })
        return
      }
      const used = totalBytes === 0 ? '-' : `${String(Math.ceil(100 * usedBytes / totalBytes))} %`
      await context.printLines(table([
        ['total', 'used', 'free', 'use', 'files'],
        [sizeText(totalBytes), sizeText(usedBytes), sizeText(freeBytes), used, String(files)],
      ], ['right', 'right', 'right', 'right', 'right']))
    }))
}
