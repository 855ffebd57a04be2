import { Command } from 'commander'
import type { Trash } from '../../../client/index.ts'
import type { InodeId } from '../../../protocol/identifiers.ts'
import type { Path } from '../../../client/paths/resolve.ts'
import { progressFor } from '../../copy/progress.ts'
import { durationArgument } from '../../daemon.ts'
import type { Runner } from '../../program.ts'
import { sizeText } from '../../wording.ts'

interface Options { olderThan?: number, yes?: boolean, master?: string }

export function emptyCommand(run: Runner): Command {
  return new Command('empty').description('remove for good what was removed from a path and below')
    .argument('[PATH]', 'as it was, there or not; by default this folder if it is under a mount, else all')
    .option('--older-than <duration>', 'only what was removed so long ago, such as 12h or 1d', durationArgument)
    .option('-y, --yes', 'do not ask')
    .action((given: string | undefined, options: Options) => run(options, async context => {
      const { machine } = context
      const { client, path } = await context.at(given ?? context.defaultPath())
      const trash = client.trash(machine.caller)
      const { inodes, bytes } = await chosen(trash, path, options.olderThan ?? 0)
      const many = `${String(inodes.length)} files, ${sizeText(bytes)}`
      const isWanted = inodes.length === 0 || options.yes === true || machine.confirm === undefined
        || await machine.confirm(`Remove ${many} for good?`)
      if (!isWanted) return
      let files = 0
      const progress = progressFor(machine, 'emptying')
      progress.expect(bytes)
      try {
        await trash.purge(inodes, step => {
          files += step.files
          progress.advance(step.bytes)
        })
      } finally {
        progress.end()
      }
      await context.print(`removed ${String(files)} files for good\n`)
    }))
}

/** What is old enough. */
async function chosen(trash: Trash, path: Path, olderThanMs: number): Promise<{ inodes: InodeId[], bytes: number }> {
  const inodes: InodeId[] = []
  let bytes = 0
  for await (const { files, nowNs } of trash.list(path)) {
    const latestNs = nowNs - BigInt(olderThanMs) * 1_000_000n
    for (const { inode, deletedNs, sizeBytes } of files) {
      if (deletedNs > latestNs) continue
      inodes.push(inode)
      bytes += sizeBytes
    }
  }
  return { inodes, bytes }
}
