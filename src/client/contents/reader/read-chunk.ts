import { checksumOf } from '../../../protocol/checksum.ts'
import type { ChunkLocation, ServerAddress } from '../../../protocol/chunks.ts'
import { chunkserverApi } from '../../../protocol/chunkserver-api.ts'
import { asDfsError, DfsError, isError } from '../../../protocol/errors.ts'
import type { ChunkIndex, InodeId } from '../../../protocol/identifiers.ts'
import type { Timer } from '../../../seams/clock.ts'
import type { DataPath } from '../data-path.ts'
import { isWorthRepeating, Patience } from '../patience.ts'
import { shown } from '../servers.ts'
import { zeros } from './buffers.ts'

/** How long one replica may take before it counts as silent. */
const ATTEMPT_MS = 5_000

export interface ChunkRange {
  inode: InodeId
  index: ChunkIndex
  /** In the chunk. */
  offsetBytes: number
  lengthBytes: number
}

/**
 * Reads from whichever replica has the bytes, verified; zeros where the replicas end, for holes, and where no server has
 * ever made its replica.
 * Continues in src/chunkserver/read.ts.
 * @throws DfsError the last error once patience has run out, and at once where it has for others just before
 */
export async function readChunk(path: DataPath, range: ChunkRange): Promise<Uint8Array[]> {
  const { inode, index } = range
  const patience = new Patience(path, path.patienceMs)
  let location: ChunkLocation | undefined
  const givenUp = path.givenUp.errorOf(inode, index)
  if (givenUp !== undefined) throw givenUp
  for (;;) {
    try {
      location = path.locations.known(inode, index) ?? await path.locations.get(inode, index)
      if (location === undefined) return zeros(range.lengthBytes)
      const got = await readSomewhere(path, location, range)
      const { bytes } = got === 'none was made' ? await hole(path, location, range) : got
      return bytes.length === range.lengthBytes ? [bytes] : [bytes, ...zeros(range.lengthBytes - bytes.length)]
    } catch (error) {
      path.locations.forget(inode, index)
      await patience.after(error).catch((final: unknown) => {
        giveUp(path, range, location, final)
        throw final
      })
    }
  }
}

/** Says, once for all who waited, which bytes could not be had and where they should be. */
function giveUp(path: DataPath, { inode, index }: ChunkRange, location: ChunkLocation | undefined, thrown: unknown): void {
  const error = asDfsError(thrown)
  if (!isWorthRepeating(error) || !path.givenUp.add(inode, index, error)) return
  path.log.error({ error, inode, index, chunk: location?.chunk, servers: location?.replicas.map(shown) },
    'a chunk cannot be read: its readers are told of an error')
}

/** How many bytes the chunk has: more than that is zeros up to the end of the file. */
export async function chunkLength(path: DataPath, inode: InodeId, index: ChunkIndex): Promise<number> {
  const patience = new Patience(path, path.patienceMs)
  for (;;) {
    try {
      // With a lease it stays the same chunk until the caller's next change: one without bytes might be taken back before.
      await path.leases.get(inode, index)
      path.locations.forget(inode, index)
      const location = await path.locations.get(inode, index)
      if (location === undefined) return 0
      const range = { inode, index, offsetBytes: 0, lengthBytes: 0 }
      const got = await readSomewhere(path, location, range)
      return (got === 'none was made' ? await hole(path, location, range) : got).replicaLengthBytes
    } catch (error) {
      await patience.after(error)
    }
  }
}

interface Got {
  bytes: Buffer
  replicaLengthBytes: number
}

/**
 * Nothing, where nobody ever made a replica. Servers that were to make them and have none may also have given theirs up
 * since, to others: then the master has heard of it, and must not be asked before they have answered.
 * @throws DfsError 'no-such-replica' it is so
 */
async function hole(path: DataPath, location: ChunkLocation, range: ChunkRange): Promise<Got> {
  const [now] = await path.master.locate(range.inode, range.index, 1)
  const isHole = now === undefined || (now.unproven === true && now.chunk === location.chunk && now.version === location.version)
  if (isHole) return { bytes: Buffer.alloc(0), replicaLengthBytes: 0 }
  throw new DfsError('no-such-replica', `chunk ${location.chunk} is on other servers by now`)
}

/**
 * Asks replica after replica; when one is slow, the next as well. The first good answer wins.
 * @returns 'none was made' where there should be none yet, and is none
 */
function readSomewhere(path: DataPath, location: ChunkLocation, range: ChunkRange): Promise<Got | 'none was made'> {
  const replicas = path.servers.inOrder(location.replicas)
  return new Promise((resolve, reject) => {
    let asked = 0
    let running = 0
    let ended = false
    let slow: Timer | undefined
    let noneThere = 0
    let lastError: unknown
    const askNext = (): void => {
      slow?.cancel()
      const replica = replicas[asked]
      if (replica === undefined) {
        // What was acknowledged is on all of them: then nothing was.
        const isNone = location.unproven === true && noneThere > 0 && noneThere === replicas.length
        if (running === 0) {
          end(() => {
            if (isNone) resolve('none was made')
            else reject(lastError ?? new DfsError('no-replica', `chunk ${location.chunk} has no replica on a live server`))
          })
        }
        return
      }
      asked++
      running++
      readReplica(path, location, replica, range).then(
        got => { end(() => { resolve(got) }) },
        (error: unknown) => {
          running--
          lastError = error
          if (isError(error, 'no-such-replica')) noneThere++
          if (!ended) askNext()
        })
      if (asked < replicas.length) slow = path.clock.after(path.servers.slowMs, askNext)
    }
    const end = (tell: () => void): void => {
      ended = true
      slow?.cancel()
      tell()
    }
    askNext()
  })
}

async function readReplica(
  path: DataPath, location: ChunkLocation, { server, address }: ServerAddress, range: ChunkRange,
): Promise<Got> {
  const { chunk, version } = location
  const startedMs = path.clock.nowMs()
  try {
    const link = path.pool.ready(address, 'bulk') ?? await path.pool.link(address, 'bulk')
    const { reply, payload } = await link.call(chunkserverApi.methods.read,
      { chunk, version, offsetBytes: range.offsetBytes, lengthBytes: range.lengthBytes }, { deadlineMs: ATTEMPT_MS })
    if (payload.length > range.lengthBytes || checksumOf(payload) !== reply.checksum) {
      throw new DfsError('corrupt', `chunk ${chunk}: what server ${server} sent does not match its checksum`)
    }
    path.servers.answered(server, path.clock.nowMs() - startedMs)
    return { bytes: payload, replicaLengthBytes: reply.replicaLengthBytes }
  } catch (error) {
    learnFrom(path, location, server, range, error)
    throw isError(error, 'internal') ? new DfsError('disk-failed', error.message, { cause: error }) : error
  }
}

function learnFrom(
  path: DataPath, { chunk }: ChunkLocation, server: ServerAddress['server'], { inode, index }: ChunkRange, error: unknown,
): void {
  const { code, message } = asDfsError(error)
  path.log.debug({ chunk, server, code }, `a replica could not be read: ${message}`)
  const report = (problem: 'corrupt' | 'unreachable'): void => {
    path.master.reportReplica(chunk, server, problem).catch((reason: unknown) => {
      path.log.debug({ error: reason, chunk, server }, 'the master was not told of a bad replica')
    })
  }
  switch (code) {
    case 'corrupt':
      report('corrupt')
      return
    case 'unreachable':
    case 'outcome-unknown':
    case 'deadline-passed':
      if (!path.servers.isAvoided(server)) report('unreachable')
      path.servers.avoid(server)
      return
    default:
      // It has another version, or none: the next reader should not have to find that out again.
      path.locations.forget(inode, index)
  }
}
