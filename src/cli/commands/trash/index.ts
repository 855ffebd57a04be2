import { Command } from 'commander'
import type { Runner } from '../../program.ts'
import { emptyCommand } from './empty.ts'
import { lsCommand } from './ls.ts'
import { restoreCommand } from './restore.ts'

export function trashCommand(run: Runner): Command {
  const trash = new Command('trash').description('see, bring back or remove for good what was removed')
  for (const make of [lsCommand, restoreCommand, emptyCommand]) trash.addCommand(make(run))
  return trash
}
