import { z } from 'zod'

/** What the processes of scripts/bench-scale tell one another. */

export const fillRequest = z.object({ data: z.string(), versions: z.string(), files: z.int() })
export type FillRequest = z.infer<typeof fillRequest>
export const fillResult = z.object({ filesPerSecond: z.number(), longest: z.object({ pauseMs: z.number(), workMs: z.number() }) })
export type FillResult = z.infer<typeof fillResult>

export const paperRequest = z.object({ master: z.string(), versions: z.string() })
export type PaperRequest = z.infer<typeof paperRequest>

export const operations = ['create', 'stat', 'list', 'rename', 'unlink'] as const
export type Operation = (typeof operations)[number]

export const loadRequest = z.object({
  master: z.string(), masterPid: z.int(), clients: z.int(), files: z.int(), seconds: z.number(),
})
export type LoadRequest = z.infer<typeof loadRequest>
/** Operations per second, all clients together, and the processor time of the master for each, in µs. */
export const loadResult = z.record(z.enum(operations), z.object({ perSecond: z.number(), masterUs: z.number() }))
export type LoadResult = z.infer<typeof loadResult>
