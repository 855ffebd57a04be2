import assert from 'node:assert/strict'
import type { PlacedMutation, ReplicaReport } from '../../../src/protocol/chunks.ts'
import type { ChunkVersion } from '../../../src/protocol/identifiers.ts'

const PAGE_BYTES = 4096

/** What a change makes of some bytes; shares no code with the store. */
export function changed(before: Buffer, mutation: PlacedMutation, data: Buffer): Buffer {
  if (mutation.kind === 'resize') {
    const after = Buffer.alloc(mutation.lengthBytes)
    before.copy(after)
    return after
  }
  let after = Buffer.from(before)
  let from = 0
  for (const { offsetBytes, lengthBytes } of mutation.extents) {
    if (lengthBytes === 0) continue
    if (offsetBytes + lengthBytes > after.length) {
      const grown = Buffer.alloc(offsetBytes + lengthBytes)
      after.copy(grown)
      after = grown
    }
    data.copy(after, offsetBytes, from, from + lengthBytes)
    from += lengthBytes
  }
  return after
}

/** What may be found of one replica after a crash, from what its user was told. */
export class ReplicaModel {
  /** Contents in the order of the changes; the last may not have been acknowledged. */
  readonly #history: Buffer[] = [Buffer.alloc(0)]
  #acknowledged = 0
  #synced = 0
  /** The version it surely has at least, and the newest that was tried. */
  versionLeast: ChunkVersion
  versionMost: ChunkVersion
  /** Surely on the disk, by name too. */
  durable = false
  /** Removed, or its removal was tried. */
  removed: 'no' | 'perhaps' | 'yes' = 'no'
  /** Must be good, or doubtful, after a power cut; either will do if neither is set. */
  afterPowerCut: 'good' | 'doubtful' | 'either' = 'either'
  state: ReplicaReport['state'] = 'good'
  changing = false

  constructor(version: ChunkVersion) {
    this.versionLeast = version
    this.versionMost = version
  }

  get contents(): Buffer {
    return this.#history[this.#acknowledged] ?? Buffer.alloc(0)
  }

  begins(mutation: PlacedMutation, data: Buffer): void {
    this.changing = true
    this.afterPowerCut = 'either'
    if (mutation.kind === 'resize') {
      this.#history.push(changed(this.contents, mutation, data))
      return
    }
    // Extents may overlap, so that a crash may show what a later one of the same change was to hide.
    const before = this.contents
    for (let count = 1; count <= mutation.extents.length; count++) {
      this.#history.push(changed(before, { kind: 'write', extents: mutation.extents.slice(0, count) }, data))
    }
  }

  ended({ cleaning }: { cleaning: boolean }): void {
    this.changing = false
    this.state = 'good'
    this.#acknowledged = this.#history.length - 1
    if (!cleaning) this.afterPowerCut = 'doubtful'
  }

  /** @returns what to call once the sync has ended */
  syncBegins(): () => void {
    const acknowledged = this.#acknowledged
    return () => {
      this.#synced = Math.max(this.#synced, acknowledged)
      this.durable = true
    }
  }

  /** Whether these bytes may be found: every one is as it was in one of the contents that were possible. */
  check(found: Buffer, how: 'kill' | 'power cut'): void {
    const possible = this.#history.slice(how === 'kill' ? this.#acknowledged : this.#synced)
    const lengths = possible.map(contents => contents.length)
    assert(found.length >= Math.min(...lengths) && found.length <= Math.max(...lengths),
      `length ${String(found.length)}, possible were ${lengths.join(' ')}`)
    for (let at = 0; at < found.length; at++) {
      // Most pages are just as they were at one time, which is quickly seen.
      const page = found.subarray(at, at + PAGE_BYTES)
      if (at % PAGE_BYTES === 0 && possible.some(contents => page.equals(contents.subarray(at, at + PAGE_BYTES)))) {
        at += PAGE_BYTES - 1
        continue
      }
      const byte = found[at]
      if (!possible.some(contents => (contents[at] ?? 0) === byte)) {
        assert.fail(`after a ${how} byte ${String(at)} is none that was ever there`)
      }
    }
  }

  /** Life goes on with what was found. */
  goOn(found: Buffer, version: ChunkVersion, state: ReplicaReport['state'], how: 'kill' | 'power cut'): void {
    if (how === 'power cut') this.#history.splice(0, Infinity, found)
    else this.#history.push(found)
    this.#acknowledged = this.#history.length - 1
    if (how === 'power cut') this.#synced = 0
    // What a kill left may be in the page cache only: the next power cut may bring back what was there before.
    if (how === 'power cut') this.versionLeast = version
    this.versionMost = version
    this.state = state
    this.changing = false
    this.removed = 'no'
    this.durable = this.durable || how === 'power cut'
    if (how === 'kill' && this.afterPowerCut === 'good') return
    this.afterPowerCut = 'either'
  }
}
