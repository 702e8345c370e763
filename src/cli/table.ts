import type { SwapSummary } from '../probe/index.ts'

/** Change rates as text, a line a layer and a column a task. Layers without data have a dash. */
export function changeRateTable({ tasks, layers, change_rates }: SwapSummary): string {
  const rate = (task: string, layer: number) => {
    const value = change_rates[task]![layer]
    return value === null || value === undefined ? '–' : `${(100 * value).toFixed(1)} %`
  }
  return table([
    ['layer', ...tasks],
    ...layers.map((layer) => [String(layer), ...tasks.map((task) => rate(task, layer))]),
  ])
}

/** Rows of equal length as aligned columns, numbers to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) => row.map((cell, column) => cell.padStart(widths[column]!)).join('  ')).join('\n')
}
