import path from 'node:path'
import { Command, Option } from 'commander'
import {
  durationArgument, logLevels, runDaemon, sizeArgument, standardErrorLog, version, wholeArgument,
} from '../src/cli/daemon.ts'
import { defaultConfig, rackPolicies, type MasterConfig } from '../src/master/config.ts'
import { Master } from '../src/master/server.ts'
import { limits } from '../src/protocol/limits.ts'
import { systemClock } from '../src/seams/clock.ts'
import { takeFolder } from '../src/seams/exclusive.ts'
import { folder } from '../src/seams/folder.ts'
import { QuickSyncs } from '../src/seams/syncs.ts'
import { eventLoopPauses } from '../src/seams/pauses.ts'
import { systemRandom } from '../src/seams/random.ts'
import { webSockets } from '../src/seams/websockets.ts'

interface Options extends Omit<MasterConfig, 'chunkSizeBytes' | 'minFreeFraction' | 'repairRateBytes' | 'trashMs'> {
  data: string
  chunkSize: number
  minFree: number
  repairRate: number
  trashTime: number
  logLevel: string
}

const milliseconds = wholeArgument(1, 24 * 60 * 60 * 1_000)
const inMs = (name: string, what: string, value: number): Option =>
  new Option(`--${name}-ms <ms>`, what).argParser(milliseconds).default(value)

const program = new Command('dfs-master')
  .description('Runs the master of a dfs cluster: it keeps the names, and knows where every chunk is.')
  .version(version)
  .requiredOption('--data <folder>', 'where the master keeps its state; made if it is missing')
  .option('--listen <host:port>', 'where clients and chunkservers reach it', defaultConfig.listen)
  .option('--replicas <count>', 'replicas of each chunk', wholeArgument(1, limits.replicasMax), defaultConfig.replicas)
  .option('--chunk-size <size>', 'chunk size of new files', sizeArgument, defaultConfig.chunkSizeBytes)
  .addOption(new Option('--rack-policy <policy>', 'how replicas spread over racks')
    .choices(rackPolicies).default(defaultConfig.rackPolicy))
  .option('--min-free <fraction>', 'a disk with a smaller share free gets no new chunks', Number, defaultConfig.minFreeFraction)
  .option('--repair-rate <size>', 'bytes per second that copies may move from and to each chunkserver; 0: no limit', sizeArgument,
    defaultConfig.repairRateBytes)
  .option('--repair-streams <count>', 'copies that a chunkserver takes part in at the same time', wholeArgument(1, 64),
    defaultConfig.repairStreams)
  .addOption(new Option('--trash-time <duration>', 'how long removed files can be brought back, such as 12h; 0: not at all')
    .argParser(durationArgument).default(defaultConfig.trashMs, '3d'))
  .addOption(inMs('heartbeat', 'how often chunkservers report', defaultConfig.heartbeatMs))
  .addOption(inMs('stale', 'silence after which a chunkserver gets no new chunks', defaultConfig.staleMs))
  .addOption(inMs('dead', 'silence after which its replicas are made anew elsewhere', defaultConfig.deadMs))
  .addOption(inMs('lease', 'how long a primary may order writes without the master', defaultConfig.leaseMs))
  .addOption(inMs('settle', 'how long to wait for chunkservers after a start', defaultConfig.settleMs))
  .addOption(inMs('session', 'silence after which a client has lost its session', defaultConfig.sessionMs))
  .addOption(new Option('--log-level <level>', 'how much to say').choices(logLevels).default('info'))
  .allowExcessArguments(false)

const { data, chunkSize, minFree, repairRate, trashTime, logLevel, ...chosen } = program.parse().opts<Options>()
const log = standardErrorLog('dfs-master', logLevel)

await runDaemon('dfs-master', log, async () => {
  const root = path.resolve(data)
  const exclusive = await takeFolder(root, 'master')
  const master = await Master.start({
    seams: {
      clock: systemClock, disk: folder(root, new QuickSyncs()), network: webSockets({ messageBytesMax: limits.messageBytesMax }),
      random: systemRandom, log,
    },
    config: {
      ...defaultConfig, ...chosen, chunkSizeBytes: chunkSize, minFreeFraction: minFree, repairRateBytes: repairRate,
      trashMs: trashTime,
    },
    lmdbPath: path.join(root, 'state'),
    version,
    pauses: eventLoopPauses(),
  })
  master.onFatal(error => {
    log.error({ error }, 'the journal has failed: stopping, since nothing can be promised any more')
    process.exit(1)
  })
  return {
    address: master.address,
    stop: async () => {
      await master.stop()
      await exclusive.release()
    },
  }
})
