import { z } from 'zod'

export const systemNames = ['dfs', 'moosefs', 'moosefs-synced', 'glusterfs', 'ext4'] as const
export const systemName = z.enum(systemNames)
export type SystemName = z.infer<typeof systemName>

/** What a comparison is asked for. Crosses from the command to the process that works apart. */
export const request = z.object({
  /** A folder that holds everything: packages, data, logs, results. Removed by the command. */
  work: z.string(),
  /** Where the packages lie unpacked; nothing where all programs are installed. */
  packages: z.string().optional(),
  systems: z.array(systemName),
  runs: z.int().min(1),
  /** Passed to scripts/bench. */
  benchOptions: z.array(z.string()),
})
export type Request = z.infer<typeof request>

/** What scripts/bench --json prints. */
export const benchReport = z.object({
  quick: z.boolean(),
  cold: z.boolean(),
  figures: z.array(z.object({
    name: z.string(), title: z.string(), unit: z.enum(['MB/s', '1/s', 's']), value: z.number(), seconds: z.number(),
  })),
})
export type BenchReport = z.infer<typeof benchReport>

export const description = z.object({ name: systemName, version: z.string(), settings: z.array(z.string()) })
/** What was measured: a system, and how it was set up. */
export type Description = z.infer<typeof description>

export const results = z.object({
  systems: z.array(description),
  rounds: z.array(z.partialRecord(systemName, benchReport)),
})
/** Of every round, each system's report. Crosses back to the command. */
export type Results = z.infer<typeof results>

/** File names in the work folder. */
export const requestFile = 'request.json'
export const resultsFile = 'results.json'
