import type { ReplicaReport } from '../../protocol/chunks.ts'
import { asDfsError, isError } from '../../protocol/errors.ts'
import { pause } from '../../seams/clock.ts'
import type { Admin } from '../admin.ts'

/** A replica that belongs to no chunk, or a server that could not be asked for them. */
export type Orphan =
  | ({ kind: 'orphan', server: number, address: string } & ReplicaReport)
  | { kind: 'unread', path: string, error: string }

/** A replica of a file that was just removed is gone by then, or known to be going. */
const LOOK_AGAIN_MS = 1_000

/** Looks on all servers that are not dead for replicas that belong to no chunk. */
export async function * findOrphans(admin: Admin): AsyncGenerator<Orphan> {
  for (const { server, address, state } of (await admin.status()).servers) {
    if (state === 'dead') continue
    try {
      for await (const page of admin.replicasOn(address)) {
        const suspects = await orphansOf(admin, server, page)
        if (suspects.length === 0) continue
        await pause(admin.clock, LOOK_AGAIN_MS)
        const still = (await Promise.all(suspects.map(each => stillThere(admin, address, each)))).flat()
        for (const replica of await orphansOf(admin, server, still)) yield { kind: 'orphan', server, address, ...replica }
      }
    } catch (error) {
      yield { kind: 'unread', path: `server ${String(server)} at ${address}`, error: asDfsError(error).message }
    }
  }
}

async function orphansOf(
  admin: Admin, server: Parameters<Admin['orphans']>[0], replicas: readonly ReplicaReport[],
): Promise<ReplicaReport[]> {
  if (replicas.length === 0) return []
  const chunks = new Set(await admin.orphans(server, replicas.map(({ chunk, version }) => ({ chunk, version }))))
  return replicas.filter(({ chunk }) => chunks.has(chunk))
}

async function stillThere(admin: Admin, address: string, { chunk }: ReplicaReport): Promise<ReplicaReport[]> {
  try {
    return [await admin.inspect(address, chunk, false)]
  } catch (error) {
    if (isError(error, 'no-such-replica')) return []
    throw error
  }
}
