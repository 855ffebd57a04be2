import assert from 'node:assert/strict'
import { checksumOf } from '../../src/protocol/checksum.ts'
import { limits } from '../../src/protocol/limits.ts'
import { pause } from '../../src/seams/clock.ts'
import type { SimulatedCluster } from './cluster.ts'
import type { SimulatedDisk } from './disk.ts'
import type { SeededRandom } from './random.ts'

const HEADER_BYTES = 128
const BLOCK = limits.blockBytes
/** Scrubbing is ordered so often, in ms, and must have found the rot after so many: a replica in use has to come to rest first. */
const SCRUB_EVERY_MS = 2_000
const FOUND_WITHIN_MS = 180_000

/** How long to wait for a replica that nobody writes to, in ms, and how often to look for one. */
const CLEAN_WITHIN_MS = 20_000
const LOOK_EVERY_MS = 250

/** A replica's files, without what tells them apart: `chunks/4d/77`. */
type Stem = string

/** Turns one bit as soon as there is a clean replica on the disk. @returns which, if there was one in time */
export async function rotOnce({ world: { clock } }: SimulatedCluster, disk: SimulatedDisk, random: SeededRandom): Promise<Stem | undefined> {
  for (let waitedMs = 0; waitedMs < CLEAN_WITHIN_MS; waitedMs += LOOK_EVERY_MS) {
    const stem = rot(disk, random)
    if (stem !== undefined) return stem
    await pause(clock, LOOK_EVERY_MS)
  }
  return undefined
}

/** In its bytes, its checksums or its header. */
function rot(disk: SimulatedDisk, random: SeededRandom): Stem | undefined {
  const files = disk.contents()
  const clean = [...files.keys()].filter(name => name.endsWith('.meta')).map(name => name.slice(0, -'.meta'.length))
    .filter(stem => files.get(`${stem}.meta`)?.readUInt16LE(5) === 0x0100 && isSound(files, stem))
  if (clean.length === 0) return undefined
  const stem = random.pick(clean)
  const dataBytes = files.get(`${stem}.data`)?.length ?? 0
  const metaBytes = HEADER_BYTES + 4 * Math.ceil(dataBytes / BLOCK)
  const [name, bytes] = dataBytes > 0 && random.chance(0.5) ? [`${stem}.data`, dataBytes] as const : [`${stem}.meta`, metaBytes] as const
  assert(disk.flipBit(name, random.below(8 * bytes)), `${name} has that bit`)
  assert(!isSound(disk.contents(), stem), `${name} is rotten now`)
  return stem
}

/** Resolves when the replica is gone or whole, because the scrubber, a reader or a writer has found it. */
export async function found({ world: { clock }, clients }: SimulatedCluster, address: string, disk: SimulatedDisk, stem: Stem): Promise<void> {
  const deadlineMs = clock.nowMs() + FOUND_WITHIN_MS
  while (!isSound(disk.contents(), stem)) {
    assert(clock.nowMs() < deadlineMs, `${stem} at ${address} has rotted, and nobody has found it`)
    await clients[0]?.client.admin.startScrub(address, 2 ** 30).catch(() => undefined)
    await pause(clock, SCRUB_EVERY_MS)
  }
}

/** Whether a replica's files agree with one another, or are both gone. */
function isSound(files: ReadonlyMap<string, Buffer>, stem: Stem): boolean {
  const meta = files.get(`${stem}.meta`)
  const data = files.get(`${stem}.data`)
  if (meta === undefined || data === undefined) return meta === data
  if (meta.length < HEADER_BYTES + 4 * Math.ceil(data.length / BLOCK)) return false
  if (meta.readUInt32LE(HEADER_BYTES - 4) !== checksumOf(meta.subarray(0, HEADER_BYTES - 4))) return false
  for (let at = 0; at < data.length; at += BLOCK) {
    if (meta.readUInt32LE(HEADER_BYTES + at / BLOCK * 4) !== checksumOf(data.subarray(at, at + BLOCK))) return false
  }
  return true
}
