import assert from 'node:assert/strict'
import type { Log } from '../../src/seams/log.ts'
import type { SimulatedCluster } from './cluster.ts'

const REPLICAS = 3

/**
 * A log that looks at the disks whenever the master gives up a replica as one too many: as many as wanted must lie on others.
 * @param fail hears of it when they do not
 */
export function watchGivenUp(log: Log, cluster: () => SimulatedCluster, fail: (error: unknown) => void): Log {
  return {
    debug: (facts, sentence) => { log.debug(facts, sentence) },
    warn: (facts, sentence) => { log.warn(facts, sentence) },
    error: (facts, sentence) => { log.error(facts, sentence) },
    info: (facts, sentence) => {
      log.info(facts, sentence)
      if (sentence !== 'dropping a replica too many') return
      const { chunk, server } = facts as { chunk: number, server: number }
      const { servers } = cluster()
      const others = [...cluster().replicas().get(String(chunk))?.keys() ?? []]
        .filter(host => servers.find(each => each.host === host)?.server.id !== server)
      try {
        assert(others.length >= REPLICAS, `a replica of chunk ${String(chunk)} was given up with ${String(others.length)} others`)
      } catch (error) {
        fail(error)
      }
    },
  }
}
