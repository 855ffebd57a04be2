import type { Clock } from '../seams/clock.ts'
import { bounds } from './config.ts'
import type { MasterCore } from './core.ts'

/** One pass over the trash: what has been there for its time goes, a bounded number of files with each entry. */
export async function expireTrash(core: MasterCore, clock: Clock): Promise<void> {
  for (let batch = 0; batch < bounds.trashBatchesPerPassMax; batch++) {
    const { nextDueMs } = core.state.trash
    if (nextDueMs === undefined || nextDueMs > Number(clock.wallNs() / 1_000_000n)) return
    await core.submit('expireTrash', { limit: bounds.trashBatchMax })
  }
}
