import { masterApi } from '../../protocol/master-api.ts'
import type { DataMaster } from '../contents/data-path.ts'
import type { MasterSession } from './session.ts'

const { locate, lease, reportReplica } = masterApi.methods

/** What the data path asks, over the session. */
export function dataMaster(session: MasterSession): DataMaster {
  return {
    locate: async (inode, first, count) => (await session.askInSession(locate, { inode, first, count })).chunks,
    lease: (inode, index, suspects, known) => session.mutate(lease,
      { inode, index, suspects, ...(known === undefined ? {} : { known }) }, 'harmless'),
    reportReplica: async (chunk, server, problem) => {
      await session.ask(reportReplica, { chunk, server, problem })
    },
  }
}
