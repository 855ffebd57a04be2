import assert from 'node:assert/strict'
import type { FileSystem } from '../../src/client/file-system.ts'
import { fsck, noCounts, type Client } from '../../src/client/index.ts'
import { superuser } from '../../src/protocol/attributes.ts'
import type { InodeId } from '../../src/protocol/identifiers.ts'
import type { Name } from '../../src/protocol/names.ts'
import { SESSION_MS, type SimulatedCluster } from './cluster.ts'
import { readFile, whatIsLeft, type ClosedFiles } from './workload.ts'

/**
 * After the last fault, the time in which everything must be whole again, in ms: dead clients and servers noticed, leases run
 * out, copies made.
 */
const HEALING_MS_MAX = SESSION_MS + 60_000
const LOOK_EVERY_MS = 1_000
/** More than any file of a run has. */
const CHUNKS_MAX = 100
/** Looks in a row that must find nothing amiss. */
const QUIET_LOOKS = 3

/** Resolves when nothing is left to repair, to collect or to forget. @throws AssertionError what still is, when time is over */
export async function converged(cluster: SimulatedCluster): Promise<void> {
  const { clock } = cluster.world
  const deadlineMs = clock.nowMs() + HEALING_MS_MAX
  for (let quiet = 0; quiet < QUIET_LOOKS;) {
    await new Promise<void>(resolve => { clock.after(LOOK_EVERY_MS, resolve) })
    const amiss = await whatIsAmiss(cluster)
    quiet = amiss === undefined ? quiet + 1 : 0
    assert(clock.nowMs() < deadlineMs, `long after the last fault: ${String(amiss)}`)
  }
}

async function whatIsAmiss(cluster: SimulatedCluster): Promise<string | undefined> {
  const [first] = cluster.clients
  if (first === undefined) return undefined
  const { admin, fileSystem } = first.client
  const { chunks, inodes, sessions, underReplicated, missing, repairsRunning, garbage, remarks } = await admin.status()
  const left = { underReplicated, missing, repairsRunning, garbage }
  for (const [what, count] of Object.entries(left)) if (count > 0) return `${what} is ${String(count)}`
  if (sessions !== cluster.clients.length) return `${String(sessions)} sessions of ${String(cluster.clients.length)} clients`
  const onDisk = cluster.replicas()
  // A chunk has no replica before its first write, and a writer may have died in front of it.
  if (onDisk.size > chunks) return `${String(onDisk.size)} chunks on disks, ${String(chunks)} at the master`
  for (const [chunk, replicas] of onDisk) {
    if (replicas.size !== 3) return `chunk ${chunk} has replicas on ${[...replicas.keys()].join(', ')}`
  }
  const difference = differenceIn(onDisk)
  if (difference !== undefined) return difference
  // Nothing without a name is kept for clients that are gone.
  const named = await inodesBelow(fileSystem, fileSystem.root)
  for (const inode of named) {
    const left = await leftBehind(first.client, inode)
    if (left !== undefined) return left
  }
  if (inodes !== named.size) return `${String(inodes)} inodes, ${String(named.size)} of them with a name`
  return remarks.length > 0 ? remarks.join('; ') : undefined
}

/** What a writer that died has sent behind the end of a file, and never told of. */
async function leftBehind({ admin }: Client, inode: InodeId): Promise<string | undefined> {
  const { chunks, sizeBytes, chunkSizeBytes } = await admin.fileInfoAt(inode, 0, CHUNKS_MAX)
  for (const { index, chunk, replicas } of chunks) {
    const endBytes = sizeBytes - index * chunkSizeBytes
    if (endBytes <= 0) return `chunk ${String(chunk)} lies behind the end of inode ${String(inode)}`
    const longer = replicas.find(({ lengthBytes }) => lengthBytes > endBytes)
    if (longer !== undefined) return `chunk ${String(chunk)} is longer than its part of inode ${String(inode)} at ${longer.host}`
  }
  return undefined
}

/** Made longer, a file has zeros where it had nothing: whatever was sent there before, and by whom. */
export async function checkTails(fileSystem: FileSystem): Promise<void> {
  for (const inode of await inodesBelow(fileSystem, fileSystem.root)) {
    const { type, sizeBytes, chunkSizeBytes } = await fileSystem.attributes(inode)
    if (type !== 'file') continue
    const handle = await fileSystem.open(inode, { read: true, write: true }, superuser)
    const lengthBytes = 4 * chunkSizeBytes
    await handle.truncate(sizeBytes + lengthBytes)
    const tail = Buffer.concat(await handle.read(sizeBytes, lengthBytes))
    assert.equal(tail.length, lengthBytes, `inode ${String(inode)}, made longer`)
    const at = tail.findIndex(byte => byte !== 0)
    assert.equal(at, -1, `inode ${String(inode)}, made longer: ${String(tail[at])} at byte ${String(sizeBytes + at)}, behind its end`)
    await handle.close()
  }
}

async function inodesBelow(fileSystem: FileSystem, directory: InodeId): Promise<Set<InodeId>> {
  const { entries } = await fileSystem.readDirectory(directory, undefined, 1_000, superuser)
  const found = new Set([directory, ...entries.map(({ attributes }) => attributes.inode)])
  for (const { attributes: { type, inode } } of entries) {
    if (type !== 'directory') continue
    for (const below of await inodesBelow(fileSystem, inode)) found.add(below)
  }
  return found
}

/** Which replicas of one chunk are not the same. */
function differenceIn(chunks: ReadonlyMap<string, ReadonlyMap<string, Buffer>>): string | undefined {
  for (const [chunk, replicas] of chunks) {
    const [first, ...others] = [...replicas]
    for (const [host, bytes] of others) {
      if (first === undefined || !bytes.equals(first[1])) return `chunk ${chunk} differs between ${String(first?.[0])} and ${host}`
    }
  }
  return undefined
}

/** What anybody closed is there, also when its writer is not. */
export async function checkContents(fileSystem: FileSystem, closed: ClosedFiles): Promise<void> {
  for (const { directory, name, model } of closed.values()) {
    const found = await whatIsLeft(model, readFile(fileSystem, directory, name))
    if (found === undefined) continue
    assert.equal(model.complaint(found, 0, Infinity), undefined, `${name}, which was closed`)
  }
}

/**
 * Where bytes that were not synced may be lost, whole new chunks of clients that died may be. Their files go; those of the
 * living have been looked at by them, and lack nothing any more.
 */
export async function removeWhatIsLost({ admin, fileSystem }: Client): Promise<void> {
  const attributes = await fileSystem.attributes(fileSystem.root)
  const lost = new Map<InodeId, string>()
  await fsck({ admin, fileSystem }, {
    start: { path: '/', attributes }, caller: superuser, verify: false, trash: undefined, orphans: false, counts: noCounts(),
    report: async finding => {
      if (finding.kind === 'chunk' && finding.problems.includes('missing')) lost.set(finding.inode, finding.path)
    },
  })
  for (const path of lost.values()) {
    const [, directory, name] = /^\/(guest-\d+)\/([^/]+)$/.exec(path) ?? []
    assert(directory !== undefined && name !== undefined, `${path} lacks a chunk`)
    const { inode } = await fileSystem.lookup(fileSystem.root, directory as Name, superuser)
    await fileSystem.unlink(inode, name as Name, superuser)
  }
}
