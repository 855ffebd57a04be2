import { z } from 'zod'
import { whole } from '../../protocol/identifiers.ts'
import type { Disk } from '../../seams/disk.ts'
import type { Log } from '../../seams/log.ts'

const FILE = 'scrub.json'

const progress = z.object({
  format: z.literal(1),
  /** When the pass began, ms since 1970; missing between two passes. */
  startedMs: whole.optional(),
  /** All replicas with ids below this have had their turn in the pass. */
  nextChunk: whole,
  checked: whole,
  checkedBytes: whole,
  /** In use by a writer when their turn came. */
  skipped: whole,
  errors: whole,
  /** Asked for by an operator, and how fast at the most, in bytes per second. */
  ordered: z.object({ bytesPerS: whole.min(1) }).optional(),
  /** The last pass that came to its end. */
  last: z.object({
    startedMs: whole, endedMs: whole, checked: whole, checkedBytes: whole, skipped: whole, errors: whole,
  }).optional(),
})

/** How far a pass over all replicas has come, and how the last one went. */
export type Progress = z.infer<typeof progress>

export const noProgress: Progress = { format: 1, nextChunk: 0, checked: 0, checkedBytes: 0, skipped: 0, errors: 0 }

/** @returns no progress where the file is missing or makes no sense: then all is checked once more */
export function loadProgress(disk: Disk): Progress {
  try {
    const size = disk.sizeOf(FILE)
    if (size === undefined) return noProgress
    const file = disk.open(FILE, 'existing')
    const bytes = Buffer.alloc(size)
    file.readNow(bytes, 0)
    file.close()
    return progress.parse(JSON.parse(bytes.toString()))
  } catch {
    return noProgress
  }
}

/** Not synced: after a power cut a part of the pass may be done again. */
export function saveProgress({ disk, log }: { disk: Disk, log: Log }, value: Progress): void {
  try {
    disk.remove(`${FILE}.new`)
    const file = disk.open(`${FILE}.new`, 'create')
    file.writeNow(Buffer.from(`${JSON.stringify(value)}\n`), 0)
    file.close()
    disk.rename(`${FILE}.new`, FILE)
  } catch (error) {
    log.debug({ error }, 'how far the scrubber has come could not be noted')
  }
}
