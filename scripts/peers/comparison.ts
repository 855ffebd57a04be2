import type { BenchReport, Results, SystemName } from './request.ts'

/** Orientation, not competition: one copy, no network. */
const OUTSIDE: SystemName = 'ext4'
const OURS: SystemName = 'dfs'

export interface Measured {
  name: string
  title: string
  unit: BenchReport['figures'][number]['unit']
  /** Of each system: the median, and the figure of every round. */
  figures: Partial<Record<SystemName, { median: number, rounds: number[] }>>
  /** How many times as fast as the better peer; absent where there is no peer. */
  ratio?: number
}

/** The middle of the values; of an even number the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const [above = NaN, below = NaN] = [sorted[middle], sorted[middle - 1]]
  return sorted.length % 2 === 1 ? above : (above + below) / 2
}

/** Larger is faster, for any unit. */
export const speed = (unit: Measured['unit'], value: number): number => unit === 's' ? 1 / value : value

/** The rounds put together, measure by measure. */
export function compare({ systems, rounds }: Results): Measured[] {
  const [first] = rounds.flatMap(round => Object.values(round))
  return (first?.figures ?? []).map(({ name, title, unit }) => {
    const figures: Measured['figures'] = {}
    for (const { name: system } of systems) {
      const values = rounds.flatMap(round => round[system]?.figures.filter(figure => figure.name === name) ?? [])
        .map(({ value }) => value)
      figures[system] = { median: median(values), rounds: values }
    }
    const ours = figures[OURS]
    const peers = systems.filter(each => each.name !== OURS && each.name !== OUTSIDE)
      .map(each => speed(unit, figures[each.name]?.median ?? NaN))
    return {
      name, title, unit, figures,
      ...ours === undefined || peers.length === 0 ? {} : { ratio: speed(unit, ours.median) / Math.max(...peers) },
    }
  })
}

/** As people read it: times with two digits behind the point, rates without. */
export function written(unit: Measured['unit'], value: number): string {
  return unit === 's' ? value.toFixed(2) : value.toLocaleString('en', { maximumFractionDigits: 0 })
}
