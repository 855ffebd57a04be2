import type { LentBytes, OpenFile, OpenOptions } from '../../src/client/file-system.ts'
import type { Attributes } from '../../src/protocol/attributes.ts'
import { DfsError } from '../../src/protocol/errors.ts'
import type { InodeId } from '../../src/protocol/identifiers.ts'
import type { MemoryFileSystem, MemoryNode } from './memory-file-system.ts'

/** Holes are told apart in blocks of this size: all zeros is a hole. */
const BLOCK_BYTES = 4096

/** One open of a file in memory. As in the real client, all writes of one flush raise the version once. */
export class MemoryFile implements OpenFile {
  readonly inode: InodeId
  readonly attributes: Attributes
  readonly #fileSystem: MemoryFileSystem
  readonly #node: MemoryNode
  readonly #append: boolean
  #dirty = false

  constructor(fileSystem: MemoryFileSystem, node: MemoryNode, options: OpenOptions) {
    this.#fileSystem = fileSystem
    this.#node = node
    this.#append = options.append === true
    this.inode = node.attributes.inode
    this.attributes = { ...node.attributes }
  }

  async read(offsetBytes: number, lengthBytes: number): Promise<readonly Uint8Array[]> {
    return (await this.lend(offsetBytes, lengthBytes)).parts
  }

  lend(offsetBytes: number, lengthBytes: number): Promise<LentBytes> {
    const bytes = Buffer.from(this.#node.bytes.subarray(offsetBytes, offsetBytes + lengthBytes))
    // In two pieces, as bytes from two chunks come.
    const middle = bytes.length >> 1
    return Promise.resolve({
      parts: bytes.length < 2 ? [bytes] : [bytes.subarray(0, middle), bytes.subarray(middle)],
      giveBack: () => { bytes.fill('given back') },
    })
  }

  write(offsetBytes: number, data: Uint8Array): Promise<void> {
    return attempt(() => {
      const at = this.#append ? this.#node.attributes.sizeBytes : offsetBytes
      this.#grow(at + data.length)
      this.#node.bytes.set(data, at)
      this.#node.attributes.modifiedNs = this.#fileSystem.now()
      this.#node.attributes.changedNs = this.#node.attributes.modifiedNs
      this.#dirty = true
    })
  }

  flush(): Promise<void> {
    if (this.#dirty) this.#fileSystem.changed(this.#node)
    this.#dirty = false
    return Promise.resolve()
  }

  sync(): Promise<void> {
    return this.flush()
  }

  truncate(sizeBytes: number): Promise<void> {
    return attempt(() => { this.#fileSystem.resize(this.#node, sizeBytes) })
  }

  allocate(
    kind: 'extend' | 'reserve' | 'zero' | 'zero-keep-size' | 'punch', offsetBytes: number, lengthBytes: number,
  ): Promise<void> {
    return attempt(() => {
      const end = offsetBytes + lengthBytes
      if (kind === 'extend' || kind === 'zero') this.#grow(end)
      if (kind !== 'extend' && kind !== 'reserve') this.#node.bytes.fill(0, offsetBytes, end)
      this.#fileSystem.changed(this.#node)
    })
  }

  seek(kind: 'data' | 'hole', offsetBytes: number): Promise<number> {
    return attempt(() => {
      const { bytes } = this.#node
      if (offsetBytes >= bytes.length) throw new DfsError('no-data-there', `${String(offsetBytes)} is behind the end`)
      for (let at = offsetBytes; at < bytes.length; at = (Math.floor(at / BLOCK_BYTES) + 1) * BLOCK_BYTES) {
        const block = Math.floor(at / BLOCK_BYTES) * BLOCK_BYTES
        const isHole = bytes.subarray(block, block + BLOCK_BYTES).every(byte => byte === 0)
        if (isHole === (kind === 'hole')) return at
      }
      if (kind === 'hole') return bytes.length
      throw new DfsError('no-data-there', 'only holes from here on')
    })
  }

  async close(): Promise<void> {
    await this.flush()
    this.#fileSystem.closed(this.#node)
  }

  #grow(sizeBytes: number): void {
    if (sizeBytes > this.#node.bytes.length) this.#fileSystem.resize(this.#node, sizeBytes)
  }
}

/** Runs at once; what it throws rejects. */
export function attempt<Result>(run: () => Result | Promise<Result>): Promise<Result> {
  return new Promise(resolve => { resolve(run()) })
}
