import { speed, written, type Measured } from './comparison.ts'
import type { SystemName } from './request.ts'

const BAR = 11
const GAP = 12
const LABELS = 250
const WIDTH = 430
const FIGURES = 90
const TOP = 40

const COLOURS: Readonly<Record<SystemName, string>> = {
  dfs: '#2563eb', moosefs: '#94a3b8', 'moosefs-synced': '#64748b', glusterfs: '#d6b370', ext4: '#d4d4d8',
}

/**
 * A bar chart, one group of bars a measure: the longer the faster, the fastest as long as there is room. The bare disk is
 * left out: it would dwarf the others.
 */
export function chart(measures: readonly Measured[], titles: Readonly<Partial<Record<SystemName, string>>>): string {
  const shown = (Object.keys(titles) as SystemName[]).filter(name => name !== 'ext4')
  const group = shown.length * BAR + GAP
  const height = TOP + measures.length * group
  const total = LABELS + WIDTH + FIGURES
  const parts = shown.flatMap((name, index) => {
    const x = LABELS + index * 130
    return [`<rect x="${x}" y="12" width="10" height="10" fill="${COLOURS[name]}"/>`, text(x + 15, 21, titles[name] ?? name)]
  })
  for (const [index, { title, unit, figures }] of measures.entries()) {
    const y = TOP + index * group
    const speeds = shown.map(name => speed(unit, figures[name]?.median ?? NaN))
    const fastest = Math.max(...speeds.filter(Number.isFinite))
    parts.push(text(LABELS - 8, y + (group - GAP) / 2 + 4, title, 'end'))
    for (const [row, name] of shown.entries()) {
      const value = figures[name]?.median
      const own = speeds[row]
      if (value === undefined || own === undefined || !Number.isFinite(own)) continue
      const width = Math.max(1, Math.round(own / fastest * WIDTH))
      parts.push(
        `<rect class="bar" x="${LABELS}" y="${y + row * BAR}" width="${width}" height="${BAR - 1}" fill="${COLOURS[name]}"/>`,
        text(LABELS + width + 5, y + row * BAR + 9, `${written(unit, value)} ${unit}`, 'start', 9))
    }
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${total} ${height}" font-family="sans-serif">`,
    `<rect width="${total}" height="${height}" fill="#fff"/>`, ...parts, '</svg>', '',
  ].join('\n')
}

function text(x: number, y: number, words: string, anchor: 'start' | 'end' = 'start', size = 11): string {
  const safe = words.replace(/&/g, '&amp;').replace(/</g, '&lt;')
  return `<text x="${x}" y="${y}" font-size="${size}" text-anchor="${anchor}" fill="#111">${safe}</text>`
}
