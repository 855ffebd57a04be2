import type { Attributes, Caller } from '../../protocol/attributes.ts'
import { asDfsError, DfsError } from '../../protocol/errors.ts'
import type { InodeId } from '../../protocol/identifiers.ts'
import { limits } from '../../protocol/limits.ts'
import type { LentBytes, OpenFile, OpenOptions } from '../file-system.ts'
import type { MasterSession } from '../master/session.ts'
import type { OpenInode } from './open-inode.ts'

const TOO_LARGE = `a file has at most ${limits.fileBytesMax} bytes`

/** One open of one file, over the contents it shares with the others. */
export class Handle implements OpenFile {
  readonly inode: InodeId
  attributes: Attributes
  readonly #file: OpenInode
  readonly #options: OpenOptions
  readonly #caller: Caller
  readonly #session: MasterSession
  readonly #epoch: number
  readonly #letGo: () => Promise<void>
  /** Faults of background writes that this handle's user has been told of, or that are older than it. */
  #heard: number
  #lastHeard: unknown
  #closed = false

  /** @param letGo called once, when the handle is closed */
  constructor(parts: {
    file: OpenInode, attributes: Attributes, options: OpenOptions, caller: Caller, session: MasterSession,
    epoch: number, letGo: () => Promise<void>,
  }) {
    this.inode = parts.attributes.inode
    this.attributes = parts.attributes
    this.#file = parts.file
    this.#options = parts.options
    this.#caller = parts.caller
    this.#session = parts.session
    this.#epoch = parts.epoch
    this.#letGo = parts.letGo
    this.#heard = parts.file.contents.faults.count
  }

  async read(offsetBytes: number, lengthBytes: number): Promise<readonly Uint8Array[]> {
    return (await this.lend(offsetBytes, lengthBytes)).parts
  }

  async lend(offsetBytes: number, lengthBytes: number): Promise<LentBytes> {
    this.#check('read')
    return this.#file.contents.lend(offsetBytes, lengthBytes)
  }

  async write(offsetBytes: number, data: Uint8Array): Promise<void> {
    this.#check('write')
    this.#tellOfFaults()
    if (data.length === 0) return
    const end = (this.#options.append === true ? this.#file.contents.sizeBytes : offsetBytes) + data.length
    if (end > limits.fileBytesMax) throw new DfsError('too-large', TOO_LARGE)
    await this.#hearing(() => this.#options.append === true
      ? this.#file.contents.append(data)
      : this.#file.contents.write(offsetBytes, data))
    await this.#file.wroteAs(this.#caller)
  }

  // Flushing saves what can be saved, so a stale handle may do it.

  async flush(): Promise<void> {
    if (!this.#options.write) return
    await this.#hearing(() => this.#file.contents.flush())
    this.#tellOfFaults()
  }

  async sync(): Promise<void> {
    await this.#hearing(() => this.#file.contents.sync())
    this.#tellOfFaults()
  }

  async truncate(sizeBytes: number): Promise<void> {
    this.#check('write')
    if (sizeBytes > limits.fileBytesMax) throw new DfsError('too-large', TOO_LARGE)
    await this.#hearing(() => this.#file.truncate(sizeBytes, this.#caller))
  }

  async allocate(
    kind: 'extend' | 'reserve' | 'zero' | 'zero-keep-size' | 'punch', offsetBytes: number, lengthBytes: number,
  ): Promise<void> {
    this.#check('write')
    if (offsetBytes < 0 || lengthBytes <= 0) throw new DfsError('invalid', 'nothing to allocate')
    const { contents } = this.#file
    const end = offsetBytes + lengthBytes
    if (end > limits.fileBytesMax) throw new DfsError('too-large', TOO_LARGE)
    if (kind === 'zero' || kind === 'zero-keep-size' || kind === 'punch') {
      const inside = Math.min(end, contents.sizeBytes) - offsetBytes
      if (inside > 0) {
        await this.#hearing(() => contents.zero(offsetBytes, inside))
        await this.#file.wroteAs(this.#caller)
      }
    }
    if ((kind === 'zero' || kind === 'extend') && end > contents.sizeBytes) await this.truncate(end)
    // 'reserve' promises room that nobody can keep free for one file: like network file systems, we just agree.
  }

  async seek(kind: 'data' | 'hole', offsetBytes: number): Promise<number> {
    this.#check('any')
    const { contents } = this.#file
    return this.#hearing(() => kind === 'data' ? contents.nextData(offsetBytes) : contents.nextHole(offsetBytes))
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    let failure: unknown
    try {
      await this.flush()
    } catch (error) {
      failure = error
    }
    try {
      await this.#hearing(this.#letGo)
    } catch (error) {
      failure ??= error
    }
    this.#session.release(this.inode, this.#epoch)
    if (failure !== undefined) throw asDfsError(failure)
  }

  #check(need: 'read' | 'write' | 'any'): void {
    if (this.#closed || (need !== 'any' && !this.#options[need])) {
      throw new DfsError('bad-descriptor', this.#closed ? 'the file has been closed' : `the file is not open to ${need}`)
    }
    if (this.#epoch !== this.#session.epoch) {
      throw new DfsError('stale-handle',
        'the session with the master expired, and with it all it had open: open the file again')
    }
  }

  /** @throws DfsError a background write failed since this handle last heard of one */
  #tellOfFaults(): void {
    const { count, last } = this.#file.contents.faults
    if (count <= this.#heard || last === undefined) return
    this.#heard = count
    this.#lastHeard = last
    throw last
  }

  /**
   * The contents tell a fault once, to whoever comes first. A handle that has heard of it already goes on instead,
   * and one that hears of it here need not hear again.
   */
  async #hearing<Value>(run: () => Promise<Value>): Promise<Value> {
    try {
      return await run()
    } catch (error) {
      const { count, last } = this.#file.contents.faults
      if (count === this.#heard && error === this.#lastHeard) return run()
      if (error === last) {
        this.#heard = count
        this.#lastHeard = error
      }
      throw error
    }
  }
}
