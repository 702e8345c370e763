import type { TopLevelSpec } from 'vega-lite'
import { theme } from './plot.ts'

export interface HeatMap {
  title: string
  subtitle?: string
  x: string
  y: string
  /** What a colour means. */
  value: string
  /** D3 format of the values. */
  format?: string
  cells: { x: number; y: number; value: number | null }[]
  /** Colours on both sides of 0: for differences. */
  diverging?: boolean
}

/** Vega-Lite spec of a grid of coloured cells, such as layers by heads. A null has no cell. */
export function heatMap({ title, subtitle, x, y, value, format, cells, diverging = false }: HeatMap): TopLevelSpec {
  const known = cells.filter((cell) => cell.value !== null)
  const most = Math.max(0, ...known.map((cell) => Math.abs(cell.value!))) || 1
  const columns = new Set(cells.map((cell) => cell.x)).size
  const rows = new Set(cells.map((cell) => cell.y)).size
  return {
    width: Math.max(240, 18 * columns),
    height: Math.max(120, 18 * rows),
    title: subtitle === undefined ? { text: title } : { text: title, subtitle },
    data: { values: known },
    mark: 'rect',
    encoding: {
      x: { field: 'x', type: 'ordinal', title: x, axis: { labelAngle: 0, labelOverlap: true } },
      y: { field: 'y', type: 'ordinal', title: y, sort: 'descending', axis: { labelOverlap: true } },
      color: {
        field: 'value',
        type: 'quantitative',
        title: value,
        scale: diverging ? { scheme: 'blueorange', domain: [-most, most] } : { scheme: 'viridis' },
        ...(format === undefined ? {} : { legend: { format } }),
      },
    },
    config: theme as TopLevelSpec['config'],
  }
}
