import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { ChunkServer } from '../../src/chunkserver/server.ts'
import { defaultConfig, type MasterConfig } from '../../src/master/config.ts'
import { Master } from '../../src/master/server.ts'
import { superuser } from '../../src/protocol/attributes.ts'
import type { ReplyOf, RequestOf } from '../../src/protocol/api.ts'
import { dialLink } from '../../src/protocol/handshake.ts'
import type { SessionId } from '../../src/protocol/identifiers.ts'
import { limits } from '../../src/protocol/limits.ts'
import type { Link } from '../../src/protocol/link.ts'
import { masterApi } from '../../src/protocol/master-api.ts'
import { systemClock } from '../../src/seams/clock.ts'
import { folder } from '../../src/seams/folder.ts'
import type { Seams } from '../../src/seams/index.ts'
import { silentLog } from '../../src/seams/log.ts'
import { systemRandom } from '../../src/seams/random.ts'
import { webSockets } from '../../src/seams/websockets.ts'

const network = webSockets({ messageBytesMax: limits.messageBytesMax })
type Methods = typeof masterApi.methods

function seamsAt(root: string): Seams {
  return { clock: systemClock, disk: folder(root), network, random: systemRandom, log: silentLog }
}

/** A master and its chunkservers in this process, over real sockets and folders that end with the test. */
export class RunningMaster {
  readonly root = fs.mkdtempSync(path.join(os.tmpdir(), 'dfs-master-'))
  readonly chunkservers: ChunkServer[] = []
  master: Master
  readonly #config: MasterConfig
  readonly #links: Link[] = []

  private constructor(master: Master, root: string, config: MasterConfig) {
    this.master = master
    this.root = root
    this.#config = config
  }

  static async start(config: Partial<MasterConfig> = {}): Promise<RunningMaster> {
    const root = fs.mkdtempSync(path.join(os.tmpdir(), 'dfs-master-'))
    const whole: MasterConfig = {
      ...defaultConfig, listen: '127.0.0.1:0', chunkSizeBytes: 65_536, minFreeFraction: 0, heartbeatMs: 100, repairMs: 50,
      staleMs: 20_000, deadMs: 30_000, trashMs: 0, ...config,
    }
    const master = await begin(root, whole)
    return new RunningMaster(master, root, whole)
  }

  async addChunkserver(name: string = `chunkserver-${this.chunkservers.length + 1}`): Promise<ChunkServer> {
    const server = await ChunkServer.start({
      seams: seamsAt(path.join(this.root, name)),
      config: { listen: '127.0.0.1:0', rack: `rack of ${name}`, host: name, masters: [this.master.address] },
    })
    this.chunkservers.push(server)
    return server
  }

  /** Ends the master and starts another on the same folder and port. */
  async restart(): Promise<void> {
    const { address } = this.master
    await this.master.stop()
    this.master = await begin(this.root, { ...this.#config, listen: address })
  }

  async client(host = 'client'): Promise<Client> {
    const { link } = await dialLink(network, this.master.address,
      { role: 'client', lane: 'control', expect: 'master', timeoutMs: 5_000 }, { clock: systemClock, log: silentLog })
    this.#links.push(link)
    const { reply } = await link.call(masterApi.methods.startSession, { open: [], host }, { deadlineMs: 5_000 })
    return new Client(link, reply.session)
  }

  async stop(): Promise<void> {
    for (const link of this.#links) link.close('done')
    await Promise.all(this.chunkservers.map(server => server.stop()))
    await this.master.stop()
    fs.rmSync(this.root, { recursive: true, force: true })
  }
}

function begin(root: string, config: MasterConfig): Promise<Master> {
  const home = path.join(root, 'master')
  return Master.start({ seams: seamsAt(home), config, lmdbPath: path.join(home, 'state'), version: 'test' })
}

/** A session at the master, call by call. */
export class Client {
  readonly link: Link
  readonly session: SessionId
  #sequence = 1

  constructor(link: Link, session: SessionId) {
    this.link = link
    this.session = session
  }

  /** What a new mutation carries. */
  mutating(): { stamp: { session: SessionId, sequence: number, oldestWaiting: number }, caller: typeof superuser } {
    const sequence = this.#sequence++
    return { stamp: { session: this.session, sequence, oldestWaiting: sequence }, caller: superuser }
  }

  async call<Name extends keyof Methods>(name: Name, request: RequestOf<Methods[Name]>): Promise<ReplyOf<Methods[Name]>> {
    const { reply } = await this.link.call(masterApi.methods[name], request, { deadlineMs: 20_000 })
    return reply
  }
}

/** Waits until `condition` holds; fails after a generous while. */
export async function eventually(what: string, condition: () => Promise<boolean> | boolean): Promise<void> {
  const until = Date.now() + 30_000
  while (!await condition()) {
    if (Date.now() > until) throw new Error(`not within 30 s: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}
