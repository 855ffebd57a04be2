import type { CommitOutcome } from '../../protocol/chunkserver-api.ts'
import { asDfsError, DfsError, isError } from '../../protocol/errors.ts'
import type { ServerId } from '../../protocol/identifiers.ts'
import type { Parts } from '../parts.ts'
import type { Lease } from './lease.ts'

interface Failure {
  server: ServerId
  error: unknown
}

/** Waits for all. @returns those that failed */
export async function settleAll(each: readonly { server: ServerId, done: Promise<unknown> }[]): Promise<Failure[]> {
  const failures: Failure[] = []
  await Promise.all(each.map(({ server, done }) => done.then(() => {}, (error: unknown) => {
    failures.push({ server, error })
  })))
  return failures
}

/**
 * Notes who failed under the lease, and that the replicas may differ now. A member that refuses because a newer version
 * exists has not failed: the lease is over.
 * @throws DfsError 'lease-lost'
 */
export function blame({ store, log }: Pick<Parts, 'store' | 'log'>, lease: Lease, failures: readonly Failure[]): void {
  const { chunk, version } = lease.terms
  for (const { server, error } of failures) {
    const { code, message } = asDfsError(error)
    log.warn({ chunk, version, server, code }, `a replica did not follow: ${message}`)
  }
  const failed = failures.filter(({ error }) => !saysLeaseIsOver(error))
  lease.fail(failed.map(({ server }) => server))
  if (failures.length === 0) return
  const replica = store.get(chunk)
  if (replica?.version === version) replica.markUneven()
  if (failed.length > 0) return
  lease.end()
  throw new DfsError('lease-lost', `chunk ${chunk} has a version newer than ${version}`)
}

export function replicasFailed(lease: Lease): CommitOutcome & { outcome: 'replicas-failed' } {
  return { outcome: 'replicas-failed', servers: [...lease.failed] }
}

/** Whether a peer refused because the lease is over, which is not its failure. */
export function saysLeaseIsOver(error: unknown): boolean {
  return isError(error, 'lease-lost', 'stale-replica')
}
