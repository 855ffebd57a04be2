import assert from 'node:assert/strict'
import { HEADER_BYTES } from '../../src/chunkserver/store/header.ts'
import { checksumOf } from '../../src/protocol/checksum.ts'
import { limits } from '../../src/protocol/limits.ts'
import { pause } from '../../src/seams/clock.ts'
import type { SimulatedCluster } from './cluster.ts'
import type { SimulatedDisk } from './disk.ts'
import type { SeededRandom } from './random.ts'
import { readReplica } from './replica-file.ts'

const ENTRY_BYTES = 4
const BLOCK = limits.blockBytes
/** Scrubbing is ordered so often, in ms, and must have found the rot after so many: a replica in use has to come to rest first. */
const SCRUB_EVERY_MS = 2_000
const FOUND_WITHIN_MS = 180_000

/** How long to wait for a replica that was made clean, in ms, and how often to look for one. */
const CLEAN_WITHIN_MS = 20_000
const LOOK_EVERY_MS = 250

/** Of a replica: `chunks/4d/77.replica`. */
type FileName = string

/** Turns one bit as soon as there is a clean replica on the disk. @returns which, if there was one in time */
export async function rotOnce({ world: { clock } }: SimulatedCluster, disk: SimulatedDisk, random: SeededRandom): Promise<FileName | undefined> {
  for (let waitedMs = 0; waitedMs < CLEAN_WITHIN_MS; waitedMs += LOOK_EVERY_MS) {
    const name = rot(disk, random)
    if (name !== undefined) return name
    await pause(clock, LOOK_EVERY_MS)
  }
  return undefined
}

/** In its bytes, its checksums or its header. */
function rot(disk: SimulatedDisk, random: SeededRandom): FileName | undefined {
  const clean = [...disk.contents()]
    .filter(([name, file]) => name.endsWith('.replica') && readReplica(file).header?.mark === 'clean' && isSound(file))
  if (clean.length === 0) return undefined
  const [name, file] = random.pick(clean)
  const { bytes } = readReplica(file)
  const bit = bytes.length > 0 && random.chance(0.5)
    ? 8 * (file.length - bytes.length) + random.below(8 * bytes.length)
    : random.below(8 * (HEADER_BYTES + ENTRY_BYTES * Math.ceil(bytes.length / BLOCK)))
  assert(disk.flipBit(name, bit), `${name} has that bit`)
  assert(!isSound(disk.contents().get(name)), `${name} is rotten now`)
  return name
}

/** Resolves when the replica is gone or whole, because the scrubber, a reader or a writer has found it. */
export async function found({ world: { clock }, clients }: SimulatedCluster, address: string, disk: SimulatedDisk, name: FileName): Promise<void> {
  const deadlineMs = clock.nowMs() + FOUND_WITHIN_MS
  while (!isSound(disk.contents().get(name))) {
    assert(clock.nowMs() < deadlineMs, `${name} at ${address} has rotted, and nobody has found it`)
    await clients[0]?.client.admin.startScrub(address, 2 ** 30).catch(() => undefined)
    await pause(clock, SCRUB_EVERY_MS)
  }
}

/** Whether the parts of a replica's file agree with one another, or there is none. */
function isSound(file: Buffer | undefined): boolean {
  if (file === undefined) return true
  const { header, table, bytes } = readReplica(file)
  if (header === undefined) return false
  for (let at = 0; at < bytes.length; at += BLOCK) {
    if (table.readUInt32LE(at / BLOCK * ENTRY_BYTES) !== checksumOf(bytes.subarray(at, at + BLOCK))) return false
  }
  return true
}
