import { thisMachine } from '../src/cli/machine.ts'
import { runDfs } from '../src/cli/program.ts'

// Whoever reads us has had enough, as `head` does: end as quietly as other programs.
process.stdout.on('error', () => { process.exit(141) })
process.exitCode = await runDfs(process.argv.slice(2), thisMachine())
