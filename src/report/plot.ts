import type { TopLevelSpec } from 'vega-lite'

/** One line of a chart. A null is a gap: no data, not zero. */
export interface Series {
  name: string
  /** `low` and `high` bound an interval around the line. */
  points: { x: number; y: number | null; low?: number; high?: number }[]
}

export interface LineChart {
  title: string
  subtitle?: string
  x: string
  y: string
  /** Title of the legend. */
  legend: string
  series: Series[]
  /** Range of the y axis; by default that of the data. */
  domain?: [number, number]
  /** D3 format of the y axis, `.0%` for fractions. */
  format?: string
  /** Stretches of the x axis, shaded in turn and labelled. */
  bands?: { label: string; from: number; to: number }[]
}

// Okabe and Ito's colours: told apart also by readers with colour blindness. The shapes help where a print has none.
const colours = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000']
const shapes = ['circle', 'square', 'triangle-up', 'diamond', 'cross', 'triangle-down', 'stroke']

export const theme = {
  background: 'white',
  font: 'DejaVu Sans, Helvetica, Arial, sans-serif',
  padding: 16,
  view: { stroke: null },
  title: { fontSize: 17, subtitleFontSize: 12, subtitleColor: '#555', anchor: 'start', offset: 16 },
  axis: {
    labelFontSize: 12,
    titleFontSize: 13,
    titleFontWeight: 'normal',
    titlePadding: 10,
    gridColor: '#e5e5e5',
    domainColor: '#888',
    tickColor: '#888',
  },
  legend: { labelFontSize: 12, titleFontSize: 13, titleFontWeight: 'normal', symbolSize: 90, labelLimit: 240 },
} as const

/** Vega-Lite spec of a chart of lines over an integer axis, such as the layers of a decoder. */
export function lineChart({
  title,
  subtitle,
  x,
  y,
  legend,
  series,
  domain,
  format,
  bands = [],
}: LineChart): TopLevelSpec {
  const names = series.map(({ name }) => name)
  const values = series.flatMap(({ name, points }) => points.map((point) => ({ series: name, ...point })))
  const positions = [...new Set(values.map((value) => value.x))].sort((a, b) => a - b)
  const scale = (range: string[]) => ({ domain: names, range: names.map((_, index) => range[index % range.length]!) })
  const yScale = domain ? { domain, clamp: true } : { zero: false }
  const across = {
    field: 'x',
    type: 'quantitative',
    title: x,
    scale: { nice: false, zero: false, padding: 12 },
    axis: { values: ticks(positions), format: 'd', grid: false },
  } as const
  const color = { field: 'series', type: 'nominal', scale: scale(colours), title: legend } as const
  const valid: { filter: string }[] = [{ filter: 'isValid(datum.low) && isValid(datum.high)' }]
  const intervals = {
    transform: valid,
    mark: { type: 'area', opacity: 0.15 },
    encoding: {
      x: across,
      y: { field: 'low', type: 'quantitative', title: y, scale: yScale },
      y2: { field: 'high' },
      color,
    },
  } as const
  const lines = {
    mark: { type: 'line', strokeWidth: 2.5, point: { filled: true, size: 60 }, invalid: 'break-paths-show-domains' },
    encoding: {
      x: across,
      y: {
        field: 'y',
        type: 'quantitative',
        title: y,
        scale: yScale,
        axis: { tickCount: 6, ...(format === undefined ? {} : { format }) },
      },
      color,
      shape: { field: 'series', type: 'nominal', scale: scale(shapes), title: legend },
    },
  } as const
  const bounded = values.some(({ low }) => low !== undefined)
  const below = [...(bands.length > 0 ? shaded(bands) : []), ...(bounded ? [intervals] : [])]
  return {
    width: 640,
    height: 340,
    title: subtitle === undefined ? { text: title } : { text: title, subtitle },
    data: { values },
    ...(below.length > 0 ? { layer: [...below, lines] } : lines),
    config: theme as TopLevelSpec['config'],
  }
}

// Every other band grey, each with its label at the top.
function shaded(bands: NonNullable<LineChart['bands']>) {
  const x = { field: 'from', type: 'quantitative' } as const
  const data = {
    values: bands.map((band, i) => ({
      ...band,
      middle: (band.from + band.to) / 2,
      fill: i % 2 ? '#f2f2f2' : '#e4e4e4',
    })),
  }
  return [
    {
      data,
      mark: { type: 'rect', opacity: 0.7 },
      encoding: { x, x2: { field: 'to' }, fill: { field: 'fill', type: 'nominal', scale: null, legend: null } },
    },
    {
      data,
      mark: { type: 'text', baseline: 'top', dy: 4, fontSize: 12, color: '#666' },
      encoding: { x: { field: 'middle', type: 'quantitative' }, y: { value: 0 }, text: { field: 'label' } },
    },
  ] as const
}

// At most about 16 labels, at whole numbers; every one of the axis where they fit.
function ticks(positions: readonly number[]): number[] {
  const first = positions[0] ?? 0
  const last = positions.at(-1) ?? 0
  const step = [1, 2, 4, 5, 10, 20, 50, 100].find((size) => (last - first) / size <= 16) ?? 1000
  const from = Math.ceil(first / step) * step
  return Array.from({ length: Math.floor((last - from) / step) + 1 }, (_, index) => from + index * step)
}

/** The chart as an SVG document. Text widths are estimated: no canvas is needed. */
export async function renderSvg(spec: TopLevelSpec): Promise<string> {
  // Loaded here, since they take longer to load than the command line takes to print its help.
  const [vega, vegaLite] = await Promise.all([import('vega'), import('vega-lite')])
  const view = new vega.View(vega.parse(vegaLite.compile(spec).spec), { renderer: 'none' })
  try {
    return renumbered(await view.toSVG())
  } finally {
    view.finalize()
  }
}

// Vega numbers clips and gradients through the whole process; a chart's file must not depend on what was drawn before it.
function renumbered(svg: string): string {
  const numbers = new Map<string, number>()
  const number = (id: string) => numbers.get(id) ?? numbers.set(id, numbers.size).size - 1
  return svg.replace(/(id="|url\(#)(clip|gradient_)(\d+)/g, (_, before, kind, old) => {
    return `${before}${kind}${number(kind + old)}`
  })
}

/** An SVG document as PNG, `scale` pixels to its unit (2 by default, for sharp text on dense screens). */
export async function renderPng(svg: string, scale = 2): Promise<Buffer> {
  const { default: sharp } = await import('sharp')
  return sharp(Buffer.from(svg), { density: 72 * scale })
    .png()
    .toBuffer()
}
