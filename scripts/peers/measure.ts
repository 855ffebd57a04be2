import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { endAllOthers, settleApart } from './apart.ts'
import { benchReport, request, requestFile, resultsFile, type BenchReport, type Results, type SystemName } from './request.ts'
import { systems } from './systems/index.ts'
import type { Started } from './systems/system.ts'

/**
 * The part of scripts/bench-peers that works apart. Round after round each system comes up empty, alone on the machine, is
 * measured and goes: none works, or tidies up after itself, while another is measured.
 */

const bench = join(import.meta.dirname, '../bench')
const work = process.argv[2] ?? ''
const { packages, systems: chosen, runs, benchOptions } =
  request.parse(JSON.parse(readFileSync(join(work, requestFile), 'utf8')))

async function measured(name: SystemName): Promise<{ started: Started, report: BenchReport }> {
  const folder = join(work, 'cluster')
  mkdirSync(folder)
  const started = await systems[name].start(folder)
  const printed = execFileSync(bench, [
    started.mountpoint, '--json', ...benchOptions, ...started.remount === undefined ? [] : ['--remount', started.remount],
  ], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  if (started.remount !== undefined) execFileSync('umount', [started.mountpoint])
  await endAllOthers()
  rmSync(folder, { recursive: true })
  execFileSync('sync')
  return { started, report: benchReport.parse(JSON.parse(printed)) }
}

try {
  settleApart(packages, work)
  const results: Results = { systems: [], rounds: [] }
  for (let round = 0; round < runs; round++) {
    const reports: Results['rounds'][number] = {}
    results.rounds.push(reports)
    for (const name of chosen) {
      console.error(`round ${String(round + 1)} of ${String(runs)}: ${systems[name].title}`)
      const { started: { version, settings }, report } = await measured(name)
      if (round === 0) results.systems.push({ name, version, settings })
      reports[name] = report
    }
  }
  writeFileSync(join(work, resultsFile), JSON.stringify(results))
  process.exit(0)
} catch (error) {
  console.error(`scripts/bench-peers: ${error instanceof Error ? error.message : String(error)}`)
  process.exit(1)
}
