/** How a column's cells stand in their width. */
export type Alignment = 'left' | 'right'

/** Rows of cells as lines with aligned columns; the last column is not padded. */
export function table(rows: readonly (readonly string[])[], alignments: readonly Alignment[] = []): string[] {
  const widths: number[] = []
  for (const row of rows) {
    row.forEach((cell, column) => { widths[column] = Math.max(widths[column] ?? 0, cell.length) })
  }
  return rows.map(row => row.map((cell, column) => {
    const width = widths[column] ?? 0
    if (alignments[column] === 'right') return cell.padStart(width)
    return column === row.length - 1 ? cell : cell.padEnd(width)
  }).join('  ').trimEnd())
}
