/** One mark of a figure. Field names are fixed, so that specs and exports need no knowledge of what is shown. */
export interface Row {
  /** Position: a layer, a step or a rank; in a figure of dots the name of a line. */
  x: number | string
  /** Null is a gap: no data, not zero. */
  y: number | null
  series: string
  /** The small chart it belongs to. */
  panel: string
  low?: number
  high?: number
  /** Observations behind `y`. */
  n?: number
}

/** An interactive figure of the report: one small chart for each panel, the same series in each. */
export interface Figure {
  id: string
  title: string
  /** What is plotted and how it was measured; plain text. */
  caption: string
  /** Lines over a numeric axis, dots with intervals beside names, or bars over a numeric axis. */
  mark: 'line' | 'dots' | 'bar'
  x: Axis
  y: Axis
  /** What series and panels are: `Model`, `Task`. */
  seriesTitle: string
  panelTitle: string
  series: Series[]
  panels: string[]
  rows: Row[]
  /** Shaded stretches of the x axis, such as the thirds of a decoder. */
  regions?: Region[]
  /** Dashed lines across a panel, such as the accuracy of the intact model. */
  references?: Pick<Row, 'series' | 'panel' | 'y'>[]
  /** Whether what is a series may also be shown as a panel and the other way round. */
  exchangeable?: boolean
}

export interface Axis {
  title: string
  /** D3 format; `.0%` for fractions. */
  format?: string
  domain?: [number, number]
  scale?: 'linear' | 'log'
}

export interface Series {
  name: string
  colour: string
}

export interface Region {
  from: number
  to: number
  label: string
}

// Told apart also by readers with colour blindness (after Okabe and Ito), on white and on near-black.
export const colours = [
  '#2f7fc1',
  '#d9621e',
  '#1f9d74',
  '#b56fb0',
  '#c99308',
  '#4aa8d8',
  '#8c8c8c',
  '#7a6ff0',
  '#c7475f',
] as const

/** Series with colours in order, or those that `fixed` gives to their names. */
export function seriesOf(
  names: readonly string[],
  fixed: (name: string) => string | undefined = () => undefined,
): Series[] {
  let next = 0
  return names.map((name) => ({ name, colour: fixed(name) ?? colours[next++ % colours.length]! }))
}

/** The thirds of a decoder of `layers` layers as shaded regions; `offset` is the axis position of layer 0. */
export function thirdsOf(layers: number, offset = 0): Region[] {
  const cuts = [0, Math.floor(layers / 3), Math.floor((2 * layers) / 3), layers]
  return ['early', 'middle', 'late'].map((label, index) => ({
    label,
    from: cuts[index]! + offset - 0.5,
    to: cuts[index + 1]! + offset - 0.5,
  }))
}
