import { MasterSession } from '../../src/client/master/session.ts'
import { superuser } from '../../src/protocol/attributes.ts'
import { ROOT_INODE, type ChunkIndex, type InodeId } from '../../src/protocol/identifiers.ts'
import { masterApi } from '../../src/protocol/master-api.ts'
import { bytesOfText, type Name } from '../../src/protocol/names.ts'
import { limits } from '../../src/protocol/limits.ts'
import { systemClock } from '../../src/seams/clock.ts'
import { silentLog } from '../../src/seams/log.ts'
import { systemRandom } from '../../src/seams/random.ts'
import { webSockets } from '../../src/seams/websockets.ts'
import { CHUNK_BYTES, FILES_PER_FOLDER, folderOf, nameOf } from './layout.ts'
import { loadRequest, type LoadResult, type Operation } from './messages.ts'
import { processorMs } from './processor.ts'

/**
 * So many clients at once, each with a session and a connection of its own and one request on its way: what the client
 * library asks of the master, without its caches and without bytes.
 */

const { methods } = masterApi
const caller = superuser
const request = loadRequest.parse(JSON.parse(process.argv[2] ?? ''))
const network = webSockets({ messageBytesMax: limits.messageBytesMax })
const outside = { clock: systemClock, random: systemRandom, network, log: silentLog }
const bytes = (text: string): Name => bytesOfText(text) as Name

class LoadClient {
  readonly session: MasterSession
  readonly #folder: InodeId
  #made = 0
  #renamed = 0
  #removed = 0

  private constructor(session: MasterSession, folder: InodeId) {
    this.session = session
    this.#folder = folder
  }

  static async start(number: number): Promise<LoadClient> {
    const session = await MasterSession.start(outside, {
      masters: [request.master], host: `client-${String(number)}`, patienceMs: 60_000, connectMs: 20_000,
    })
    const { inode } = await session.mutate(methods.make, {
      caller, parent: ROOT_INODE, name: bytes(`load-${String(process.pid)}-${String(number)}`),
      node: { type: 'directory', mode: 0o755 },
    })
    return new LoadClient(session, inode)
  }

  /** A file with one chunk, as writing one makes it: create, the lease that allocates, size and time at the close. */
  async create(): Promise<boolean> {
    const name = bytes(`made-${String(this.#made)}`)
    const { inode } = await this.session.create({
      caller, parent: this.#folder, name, mode: 0o644, exclusive: true, read: true, write: true, truncate: false,
    })
    await this.session.mutate(methods.lease, { inode, index: 0 as ChunkIndex, suspects: [] })
    await this.session.mutate(methods.settle, {
      caller, inode, endBytes: CHUNK_BYTES, modifiedNs: 'now', clearSetId: false,
    })
    this.session.release(inode, this.session.epoch)
    this.#made++
    return true
  }

  async stat(): Promise<boolean> {
    const file = Math.floor(systemRandom.fraction() * request.files)
    await this.session.ask(methods.lookup, { parent: await this.#parentOf(file), name: bytes(nameOf(file)), caller })
    return true
  }

  /** A folder of 1,000 files with the attributes of each. */
  async list(): Promise<boolean> {
    const file = Math.floor(systemRandom.fraction() * request.files)
    await this.session.ask(methods.readDirectory, {
      inode: await this.#parentOf(file), limit: Math.min(FILES_PER_FOLDER, limits.directoryPageMax), caller,
    })
    return true
  }

  async rename(): Promise<boolean> {
    if (this.#renamed === this.#made) return false
    const number = String(this.#renamed++)
    const parent = this.#folder
    await this.session.mutate(methods.rename, {
      caller, from: { parent, name: bytes(`made-${number}`) }, to: { parent, name: bytes(`renamed-${number}`) }, mode: 'replace',
    })
    return true
  }

  async unlink(): Promise<boolean> {
    if (this.#removed === this.#made) return false
    const number = this.#removed++
    const name = bytes(`${number < this.#renamed ? 'renamed' : 'made'}-${String(number)}`)
    await this.session.mutate(methods.unlink, { caller, parent: this.#folder, name })
    return true
  }

  async #parentOf(file: number): Promise<InodeId> {
    const name = folderOf(file)
    const known = parents.get(name)
    if (known !== undefined) return known
    const { inode } = await this.session.ask(methods.lookup, { parent: ROOT_INODE, name: bytes(name), caller })
    parents.set(name, inode)
    return inode
  }
}

/** Looked up once, as a mount would remember them. */
const parents = new Map<string, InodeId>()

/** Runs one operation after the other on each client until time or work is over. */
async function rate(
  clients: readonly LoadClient[], seconds: number, run: (client: LoadClient) => Promise<boolean>,
): Promise<LoadResult[Operation]> {
  const startedMs = systemClock.nowMs()
  const beforeMs = processorMs(request.masterPid)
  const endMs = startedMs + seconds * 1_000
  let done = 0
  await Promise.all(clients.map(async client => {
    while (systemClock.nowMs() < endMs && await run(client)) done++
  }))
  return {
    perSecond: done / ((systemClock.nowMs() - startedMs) / 1_000),
    masterUs: (processorMs(request.masterPid) - beforeMs) * 1_000 / Math.max(1, done),
  }
}

const clients = await Promise.all(Array.from({ length: request.clients }, (_, index) => LoadClient.start(index)))
const timed = (run: (client: LoadClient) => Promise<boolean>): Promise<LoadResult[Operation]> => rate(clients, request.seconds, run)
const result: LoadResult = {
  create: await timed(client => client.create()),
  stat: await timed(client => client.stat()),
  list: await timed(client => client.list()),
  rename: await timed(client => client.rename()),
  unlink: await timed(client => client.unlink()),
}
// What time has not sufficed for: the next run finds as many files as this one.
await rate(clients, Infinity, client => client.unlink())
await Promise.all(clients.map(({ session }) => session.close()))
process.send?.(result)
process.disconnect()
