import { Command, CommanderError } from 'commander'
import { balanceCommand } from './commands/balance.ts'
import { catCommand } from './commands/cat.ts'
import { chunkserverCommand } from './commands/chunkserver.ts'
import { dfCommand } from './commands/df.ts'
import { fsckCommand } from './commands/fsck.ts'
import { getCommand } from './commands/get.ts'
import { infoCommand } from './commands/info.ts'
import { lsCommand } from './commands/ls.ts'
import { mkdirCommand } from './commands/mkdir.ts'
import { mvCommand } from './commands/mv.ts'
import { putCommand } from './commands/put.ts'
import { rmCommand } from './commands/rm.ts'
import { scrubCommand } from './commands/scrub.ts'
import { statCommand } from './commands/stat.ts'
import { statusCommand } from './commands/status.ts'
import { trashCommand } from './commands/trash/index.ts'
import { Context, UsageError, usageCodes, type Machine } from './context.ts'
import { version } from './daemon.ts'

/** Runs the body of a command with what `--master` says, and the exit code for failures where it is not 1. */
export type Runner = (
  options: { master?: string }, body: (context: Context) => Promise<void>, failureCode?: number,
) => Promise<void>

const ABOUT = `Files of a dfs cluster without mounting it, and what the cluster says of them.

A PATH under a mounted dfs tells which cluster is meant. Elsewhere --master or the
environment variable DFS_MASTER does, and PATH lies inside the file system.`

/** Runs `dfs` with these arguments. @returns exit code: 0 done, 1 something failed, 2 called wrongly; `fsck` has its own */
export async function runDfs(args: readonly string[], machine: Machine): Promise<number> {
  let exitCode = 0
  const usageCode = args[0] === 'fsck' ? usageCodes.fsck : usageCodes.usual
  const run: Runner = async (options, body, failureCode) => {
    const context = new Context(machine, options, failureCode)
    try {
      await body(context)
    } catch (error) {
      if (error instanceof UsageError) throw error
      context.fail(error)
    } finally {
      await context.close().catch((error: unknown) => { context.complain('closing', error) })
      exitCode = context.exitCode
    }
  }
  try {
    await program(run, machine).parseAsync(args, { from: 'user' })
    return exitCode
  } catch (error) {
    // commander has said what was wrong; its code is 0 where only help was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usageCode
    if (!(error instanceof UsageError)) throw error
    machine.stderr.write(`dfs: ${error.message}\n`)
    return usageCode
  }
}

function program(run: Runner, { stdout, stderr }: Machine): Command {
  const dfs = new Command('dfs').description(ABOUT).version(version)
  const commands = [
    lsCommand, statCommand, infoCommand, catCommand, getCommand, putCommand, mkdirCommand, mvCommand, rmCommand,
    dfCommand, statusCommand, fsckCommand, scrubCommand, balanceCommand, trashCommand, chunkserverCommand,
  ]
  for (const make of commands) {
    dfs.addCommand(make(run))
  }
  for (const command of withinAll(dfs)) {
    if (command.commands.length === 0) {
      command.option('--master <HOST:PORT[,…]>', 'master of the cluster; PATH then lies inside it')
    }
    command.exitOverride().showHelpAfterError('(--help says more)').configureOutput({
      writeOut: text => { stdout.write(text) },
      writeErr: text => { stderr.write(text.replace(/^error: /, 'dfs: ')) },
    })
  }
  return dfs
}

function withinAll(command: Command): Command[] {
  return [command, ...command.commands.flatMap(each => withinAll(each))]
}
