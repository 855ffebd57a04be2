import { hostname } from 'node:os'
import { fileURLToPath } from 'node:url'
import { standardErrorLog, version } from '../src/cli/daemon.ts'
import { Client } from '../src/client/index.ts'
import { runMountCommand } from '../src/fuse/command/index.ts'
import { systemClock } from '../src/seams/clock.ts'

process.exit(await runMountCommand({
  argv: process.argv.slice(2),
  script: fileURLToPath(import.meta.url),
  version,
  clock: systemClock,
  logAt: level => standardErrorLog('dfs-mount', level),
  connect: ({ masters, host = hostname(), patienceMs, log }) =>
    Client.connect({ masters, host, log, ...(patienceMs === undefined ? {} : { patienceMs }) }),
}))
