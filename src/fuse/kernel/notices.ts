import type { InodeId } from '../../protocol/identifiers.ts'
import type { Name } from '../../protocol/names.ts'
import type { Log } from '../../seams/log.ts'
import type { Invalidator } from '../kernel-cache.ts'
import { codeOf, type Device } from './device.ts'
import { Notify, notifyInvalEntryOut, notifyInvalInodeOut, outHeader } from './messages.ts'

/** A negative offset spares the pages and drops the attributes alone. */
const ATTRIBUTES_ONLY = -1

/** What we tell the kernel unasked: that something it remembers is no longer so. */
export class Notices implements Invalidator {
  readonly #device: Device
  readonly #log: Log
  readonly #nodeOf: (inode: InodeId) => number

  constructor(device: Device, nodeOf: (inode: InodeId) => number, log: Log) {
    this.#device = device
    this.#nodeOf = nodeOf
    this.#log = log
  }

  attributes(inode: InodeId): void {
    try {
      this.#device.send(notice(Notify.invalInode, [
        notifyInvalInodeOut.encode({ ino: this.#nodeOf(inode), off: ATTRIBUTES_ONLY }),
      ]))
    } catch (error) {
      this.#failed(error)
    }
  }

  contents(inode: InodeId): Promise<void> {
    return this.#sendLate(notice(Notify.invalInode, [notifyInvalInodeOut.encode({ ino: this.#nodeOf(inode) })]))
  }

  /** Drops a name, whatever the kernel believes it to be. Waits for operations in the directory. */
  entry(parent: InodeId, name: Name): Promise<void> {
    return this.#sendLate(notice(Notify.invalEntry, [
      notifyInvalEntryOut.encode({ parent: this.#nodeOf(parent), namelen: name.length }), Buffer.from(`${name}\0`, 'latin1'),
    ]))
  }

  async #sendLate(parts: Buffer[]): Promise<void> {
    try {
      await this.#device.sendLate(parts)
    } catch (error) {
      this.#failed(error)
    }
  }

  #failed(error: unknown): void {
    const code = codeOf(error)
    // What the kernel does not remember needs no invalidation, and after the unmount nothing does.
    if (code !== 'ENOENT' && code !== 'ENODEV' && code !== 'ENOTDIR') this.#log.warn({ error }, 'the kernel refused a notice')
  }
}

/** A message that we start: it answers nothing (unique 0), and carries its code as the error. */
export function notice(code: number, parts: Buffer[]): Buffer[] {
  const len = parts.reduce((sum, part) => sum + part.length, outHeader.sizeBytes)
  return [outHeader.encode({ len, error: code, unique: 0 }), ...parts]
}
