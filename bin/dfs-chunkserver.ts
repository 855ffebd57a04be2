import os from 'node:os'
import { Command, InvalidArgumentError, Option } from 'commander'
import { ChunkServer } from '../src/chunkserver/server.ts'
import { defaultScrub } from '../src/chunkserver/scrub/scrubber.ts'
import { durationArgument, logLevels, runDaemon, sizeArgument, standardErrorLog, version } from '../src/cli/daemon.ts'
import { limits } from '../src/protocol/limits.ts'
import { systemClock } from '../src/seams/clock.ts'
import { takeFolder } from '../src/seams/exclusive.ts'
import { folder } from '../src/seams/folder.ts'
import { systemRandom } from '../src/seams/random.ts'
import { webSockets } from '../src/seams/websockets.ts'

interface Options {
  data: string
  master: string[]
  listen: string
  advertise?: string
  rack: string
  host: string
  capacity?: number
  scrubPeriod: number
  scrubRate: number
  logLevel: string
}

const NAME = 'dfs-chunkserver'

function address(text: string): string {
  if (!/^.+:\d{1,5}$/.test(text) || Number(text.slice(text.lastIndexOf(':') + 1)) > 65_535) {
    throw new InvalidArgumentError('expected HOST:PORT')
  }
  return text
}

function capacityArgument(text: string): number {
  const bytes = sizeArgument(text)
  if (bytes < 1) throw new InvalidArgumentError('expected a size above 0')
  return bytes
}

const options = new Command(NAME)
  .description('Keeps replicas of chunks on one disk and serves them. Run one for each disk.')
  .version(version)
  .requiredOption('--data <dir>', 'folder for the replicas; made if it is missing')
  .requiredOption('--master <host:port[,...]>', 'where the masters are', text => text.split(',').map(address))
  .option('--listen <host:port>', 'where to listen; port 0 takes a free one, and keeps it', address, '127.0.0.1:0')
  .option('--advertise <host:port>', 'where others reach this server, if not where it listens', address)
  .option('--rack <name>', 'servers of one rack may fail together', 'default')
  .option('--host <name>', 'name of this machine', os.hostname())
  .option('--capacity <size>', 'how much of the disk to use for replicas; all of it if not given', capacityArgument)
  .addOption(new Option('--scrub-period <time>', 'every replica is read and checked once in this time; 0: only when asked for')
    .argParser(durationArgument).default(defaultScrub.periodMs, '7d'))
  .addOption(new Option('--scrub-rate <size>', 'and never more than this in a second')
    .argParser(sizeArgument).default(defaultScrub.bytesPerS, '32MiB'))
  .addOption(new Option('--log-level <level>', 'how much to log on standard error').choices(logLevels).default('info'))
  .parse()
  .opts<Options>()

const log = standardErrorLog(NAME, options.logLevel)

await runDaemon(NAME, log, async () => {
  const { data, master: masters, listen, advertise, rack, host, capacity, scrubPeriod, scrubRate } = options
  const lock = await takeFolder(data, 'chunkserver')
  const server = await ChunkServer.start({
    seams: {
      disk: folder(data), network: webSockets({ messageBytesMax: limits.messageBytesMax }),
      clock: systemClock, random: systemRandom, log,
    },
    config: {
      listen, rack, host, masters, scrub: { periodMs: scrubPeriod, bytesPerS: Math.max(1, scrubRate) },
      ...(advertise === undefined ? {} : { advertise }), ...(capacity === undefined ? {} : { capacityBytes: capacity }),
    },
  })
  return {
    address: server.address,
    stop: async () => {
      await server.stop()
      await lock.release()
    },
  }
})
