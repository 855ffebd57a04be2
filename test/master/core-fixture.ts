import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Attributes, Caller } from '../../src/protocol/attributes.ts'
import { superuser } from '../../src/protocol/attributes.ts'
import { ROOT_INODE, type ChunkIndex, type InodeId, type SessionId } from '../../src/protocol/identifiers.ts'
import type { Stamp } from '../../src/protocol/master-api.ts'
import type { LinkTarget, Name } from '../../src/protocol/names.ts'
import type { Clock } from '../../src/seams/clock.ts'
import { silentLog } from '../../src/seams/log.ts'
import { MasterCore, type CoreOptions } from '../../src/master/core.ts'
import type { ClientKind, EntryReply, EntryRequest } from '../../src/master/entries.ts'
import { lookup } from '../../src/master/namespace/read.ts'
import { SimulatedDisk } from '../simulation/disk.ts'
import { SeededRandom } from '../simulation/random.ts'

export const alice: Caller = { uid: 1000, gid: 1000, groups: [50] }
export const bob: Caller = { uid: 1001, gid: 1001, groups: [] }
export const root = superuser

export const nameOf = (text: string): Name => text as Name

/** A request without what the client stamps it with. */
export type Unstamped<Kind extends ClientKind> = Omit<EntryRequest<Kind>, 'stamp'>

/** A master's state machine on a simulated disk, with one client and a clock that tells another time each time. */
export class Fixture {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'dfs-core-'))
  readonly disk: SimulatedDisk
  nowMs = 0
  #atNs = 1_000n
  #core: MasterCore | undefined
  #sequence = 0
  #session: SessionId | undefined
  readonly freed: number[] = []
  readonly #trashMs: number

  constructor(seed = 1, trashMs = 0) {
    this.#trashMs = trashMs
    this.disk = new SimulatedDisk({ random: new SeededRandom(seed) })
  }

  readonly clock: Clock = {
    nowMs: () => this.nowMs,
    wallNs: () => ++this.#atNs,
    after: () => { throw new Error('no timers here') },
  }

  get core(): MasterCore {
    if (this.#core === undefined) throw new Error('the core is not open')
    return this.#core
  }

  get session(): SessionId {
    if (this.#session === undefined) throw new Error('there is no session yet')
    return this.#session
  }

  get atNs(): bigint {
    return this.#atNs
  }

  /** Wall time goes on by so much. */
  later(ms: number): void {
    this.#atNs += BigInt(ms) * 1_000_000n
  }

  async open(options: Partial<CoreOptions> = {}): Promise<this> {
    this.#core = await MasterCore.open({
      disk: this.disk,
      clock: this.clock,
      log: silentLog,
      lmdbPath: path.join(this.folder, 'state'),
      config: { chunkSizeBytes: 65_536, sessionTimeoutMs: 60_000, trashMs: this.#trashMs },
      copying: 'at once',
      ...options,
    })
    this.#core.onFreed(chunks => { this.freed.push(...chunks) })
    this.#session ??= await this.#core.sessions.start('client')
    return this
  }

  /** The process dies, by itself or with the machine, and another one starts. */
  async crash(how: 'process' | 'power', options: Partial<CoreOptions> = {}): Promise<void> {
    await this.#core?.abandon()
    if (how === 'power') this.disk.powerCut()
    else this.disk.kill()
    await this.open(options)
  }

  async remove(): Promise<void> {
    await this.#core?.abandon()
    rmSync(this.folder, { recursive: true, force: true })
  }

  stamp(): Stamp {
    const sequence = ++this.#sequence
    return { session: this.session, sequence, oldestWaiting: sequence }
  }

  do<Kind extends ClientKind>(kind: Kind, request: Unstamped<Kind>): Promise<EntryReply<Kind>> {
    return this.core.submit(kind, { ...request, stamp: this.stamp() } as unknown as EntryRequest<Kind>)
  }

  async directory(name: string, { parent = ROOT_INODE, mode = 0o755, caller = root } = {}): Promise<InodeId> {
    return (await this.do('make', { parent, name: nameOf(name), node: { type: 'directory', mode }, caller })).inode
  }

  async file(name: string, { parent = ROOT_INODE, mode = 0o644, caller = root } = {}): Promise<InodeId> {
    return (await this.do('make', { parent, name: nameOf(name), node: { type: 'file', mode }, caller })).inode
  }

  async symlink(name: string, target: string, { parent = ROOT_INODE, caller = root } = {}): Promise<InodeId> {
    const node = { type: 'symlink' as const, target: target as LinkTarget }
    return (await this.do('make', { parent, name: nameOf(name), node, caller })).inode
  }

  /** A file with chunks at these indexes. */
  async fileWithChunks(name: string, indexes: number[], { caller = root } = {}): Promise<InodeId> {
    const inode = await this.file(name, { caller })
    for (const index of indexes) {
      await this.core.submit('allocateChunk', { stamp: this.stamp(), inode, index: index as ChunkIndex })
    }
    const endBytes = (Math.max(-1, ...indexes) + 1) * 65_536
    if (endBytes > 0) await this.do('settle', { inode, endBytes, modifiedNs: 'now', clearSetId: false, caller })
    return inode
  }

  at(name: string, parent: InodeId = ROOT_INODE): Attributes {
    return lookup(this.core.state, { parent, name: nameOf(name), caller: root })
  }

  attributes(inode: InodeId): Attributes {
    const found = this.core.state.inode(inode)
    if (found === undefined) throw new Error(`no inode ${inode}`)
    return { ...found, inode, allocatedBytes: 0 }
  }
}

/** A fixture that goes with its test. */
export async function fixture(
  t: { teardown: (run: () => Promise<void>) => void }, seed = 1, trashMs = 0,
): Promise<Fixture> {
  const made = new Fixture(seed, trashMs)
  t.teardown(() => made.remove())
  return made.open()
}
