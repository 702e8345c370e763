import type { TopLevelSpec } from 'vega-lite'
import { type Axis, colours, type Figure, type Row, type Series } from './figure.ts'

/** How a figure is drawn just now. */
export interface Drawing {
  /** Which field makes the small charts. */
  panelBy: 'panel' | 'series'
  /** Colours of text and lines that are no data. */
  ink: string
  faint: string
  /** A legend inside, for exports; on the page the toggles are the legend. */
  legend: boolean
}

// Two lines of one colour never share a chart, so the dash and shape repeat what the colour says.
const dashes = [
  [1, 0],
  [6, 3],
  [2, 2],
  [8, 3, 2, 3],
]
const shapes = ['circle', 'square', 'triangle-up', 'diamond', 'cross', 'triangle-down']

/** Vega-Lite spec of one panel of a figure; its signals `shown` (names of series) and `at` (a position or null) are the page's to set. */
export function panelSpec(
  figure: Figure,
  panel: string,
  size: { width: number; height: number },
  drawing: Drawing,
): TopLevelSpec {
  const rows = figure.rows.filter((row) => row[drawing.panelBy] === panel)
  return {
    ...size,
    ...unitSpec(figure, rows, drawing),
    config: config(drawing),
    padding: 2,
    autosize: { type: 'fit', contains: 'padding' },
  } as unknown as TopLevelSpec
}

/** The whole figure as one spec, for files: its panels beside each other, title and legend inside. */
export function exportSpec(figure: Figure, shown: readonly string[], drawing: Drawing): TopLevelSpec {
  const other = drawing.panelBy === 'panel' ? 'series' : 'panel'
  const visible = figure.rows.filter((row) => shown.includes(row[other]))
  const panels = namesOf(figure, drawing.panelBy)
  const columns = Math.min(panels.length, 3)
  const size = { width: panels.length === 1 ? 640 : 320, height: figure.mark === 'dots' ? dotsHeight(figure) : 220 }
  const charts = panels.map((panel) => ({
    ...size,
    title: { text: panel, anchor: 'start', fontSize: 13, color: drawing.ink },
    ...unitSpec(
      figure,
      visible.filter((row) => row[drawing.panelBy] === panel),
      { ...drawing, legend: true },
      shown,
    ),
  }))
  return {
    background: 'white',
    padding: 16,
    title: { text: figure.title, anchor: 'start', fontSize: 16, offset: 12 },
    concat: charts,
    columns,
    config: config(drawing),
  } as unknown as TopLevelSpec
}

/** Pixels that the lines of a figure of dots need. */
export function dotsHeight(figure: Figure): number {
  return new Set(figure.rows.map(({ x }) => x)).size * 26 + 8
}

/** The names of a field of a figure, in the figure's order. */
export function namesOf(figure: Figure, field: 'panel' | 'series'): string[] {
  return field === 'panel' ? figure.panels : figure.series.map(({ name }) => name)
}

/** The series that are drawn: those of the figure, or one for each of its panels where these are exchanged. */
export function drawnSeries(figure: Figure, panelBy: Drawing['panelBy']): Series[] {
  if (panelBy === 'panel') return figure.series
  return figure.panels.map((name, index) => ({ name, colour: colours[index % colours.length]! }))
}

function unitSpec(figure: Figure, rows: readonly Row[], drawing: Drawing, shown?: readonly string[]) {
  const by = drawing.panelBy === 'panel' ? 'series' : 'panel'
  const names = namesOf(figure, by)
  const params = shown
    ? []
    : [
        { name: 'shown', value: names },
        { name: 'at', value: null },
      ]
  const filter = shown ? [] : [{ filter: `indexof(shown, datum.${by}) >= 0` }]
  return {
    ...(shown ? {} : { params }),
    data: { values: rows },
    transform: filter,
    layer:
      figure.mark === 'dots' ? dotLayers(figure, by, drawing, !shown) : lineLayers(figure, by, rows, drawing, !shown),
  }
}

function lineLayers(figure: Figure, by: 'series' | 'panel', rows: readonly Row[], drawing: Drawing, live: boolean) {
  const { regions = [], mark } = figure
  const extent = [
    Math.min(...figure.rows.map((row) => Number(row.x))),
    Math.max(...figure.rows.map((row) => Number(row.x))),
  ]
  const x = {
    field: 'x',
    type: 'quantitative',
    title: figure.x.title,
    scale:
      mark === 'bar'
        ? { nice: false, domain: [extent[0]! - 0.7, extent[1]! + 0.7] }
        : { nice: false, zero: false, padding: 10 },
    axis: xAxis(figure),
  }
  const y = yEncoding(figure.y)
  const colour = colourOf(figure, by, drawing)
  const dash = {
    field: by,
    type: 'nominal',
    scale: {
      domain: namesOf(figure, by),
      range: namesOf(figure, by).map((_, index) => dashes[Math.floor(index / 2) % dashes.length]),
    },
    legend: colour.legend,
  }
  const shape = {
    field: by,
    type: 'nominal',
    scale: { domain: namesOf(figure, by), range: namesOf(figure, by).map((_, index) => shapes[index % shapes.length]) },
    legend: colour.legend,
  }
  const layers: object[] = []
  const shaded = regions
    .map((region) => ({
      ...region,
      from: Math.max(region.from, extent[0]! - 0.5),
      to: Math.min(region.to, extent[1]! + 0.5),
    }))
    .filter(({ from, to }) => to > from)
  if (shaded.length > 0) {
    layers.push({
      data: { values: shaded.filter((_, index) => index % 2 === 1) },
      mark: { type: 'rect', color: drawing.faint, opacity: 0.13, clip: true },
      encoding: { x: { field: 'from', type: 'quantitative' }, x2: { field: 'to' } },
    })
    layers.push({
      data: { values: shaded.map(({ from, to, label }) => ({ x: (from + to) / 2, label })) },
      mark: { type: 'text', baseline: 'bottom', dy: -3, y: 0, fontSize: 10, color: drawing.faint },
      encoding: { x: { field: 'x', type: 'quantitative' }, text: { field: 'label' } },
    })
  }
  const here = rows[0]?.[drawing.panelBy]
  const references = (figure.references ?? []).filter(
    (reference) => reference[drawing.panelBy] === here && reference.y !== null,
  )
  if (references.length > 0) {
    layers.push({
      data: { values: references },
      ...(live ? { transform: [{ filter: `indexof(shown, datum.${by}) >= 0` }] } : {}),
      mark: { type: 'rule', strokeDash: [3, 3], opacity: 0.8 },
      encoding: { y, color: colour },
    })
  }
  if (mark === 'bar') {
    layers.push({
      mark: { type: 'bar', width: { expr: `max(2, width / ${Math.max(2, extent[1]! - extent[0]! + 2)} * 0.7)` } },
      encoding: { x, y: { ...y, stack: null }, color: colour, opacity: { value: 0.8 } },
    })
  } else {
    if (figure.rows.some(({ low }) => low !== undefined))
      layers.push({
        mark: { type: 'area', opacity: 0.13 },
        encoding: { x, y: { ...y, field: 'low' }, y2: { field: 'high' }, color: colour },
      })
    const many = new Set(figure.rows.map((row) => row.x)).size > 40
    layers.push({
      mark: { type: 'line', strokeWidth: 2, invalid: 'break-paths-show-domains' },
      encoding: { x, y, color: colour, strokeDash: dash },
    })
    if (!many)
      layers.push({
        mark: { type: 'point', filled: true, size: 34, opacity: 1 },
        encoding: { x, y, color: colour, shape },
      })
  }
  if (live) {
    layers.push({
      transform: [{ filter: 'at !== null && datum.x === at' }],
      mark: { type: 'rule', color: drawing.faint, strokeWidth: 1 },
      encoding: { x },
    })
    layers.push({
      transform: [{ filter: 'at !== null && datum.x === at' }],
      mark: { type: 'point', filled: true, size: 110, opacity: 1 },
      encoding: { x, y, color: colour },
    })
  }
  return layers
}

function dotLayers(figure: Figure, by: 'series' | 'panel', drawing: Drawing, live: boolean) {
  const order = [...new Set(figure.rows.map((row) => row.x))]
  const lines = {
    field: 'x',
    type: 'nominal',
    title: null,
    sort: order,
    axis: { labelLimit: 210, ticks: false, domain: false, grid: true },
  }
  const value = { ...yEncoding(figure.y), axis: { ...yEncoding(figure.y).axis, grid: true } }
  const offset =
    new Set(figure.rows.map((row) => `${row.x}\n${row.panel}`)).size < figure.rows.length
      ? { yOffset: { field: by, sort: namesOf(figure, by) } }
      : {}
  const colour = colourOf(figure, by, drawing)
  const at = live
    ? [
        {
          transform: [{ filter: 'at !== null && datum.x === at' }],
          mark: { type: 'point', filled: true, size: 170, opacity: 0.35 },
          encoding: { y: lines, x: value, color: colour, ...offset },
        },
      ]
    : []
  return [
    {
      mark: { type: 'rule', strokeWidth: 2, opacity: 0.55 },
      encoding: {
        y: lines,
        x: { ...value, field: 'low' },
        x2: { field: 'high' },
        color: colour,
        ...offset,
      },
    },
    {
      mark: { type: 'point', filled: true, size: 80, opacity: 1 },
      encoding: { y: lines, x: value, color: colour, ...offset },
    },
    ...at,
  ]
}

function yEncoding({ title, format, domain, scale }: Axis) {
  return {
    field: 'y',
    type: 'quantitative',
    title,
    scale: { type: scale ?? 'linear', ...(domain ? { domain, clamp: true } : scale === 'log' ? {} : { zero: false }) },
    axis: { tickCount: 5, ...(format === undefined ? {} : { format }) },
  }
}

function colourOf(figure: Figure, by: 'series' | 'panel', { legend, panelBy }: Drawing) {
  const series = drawnSeries(figure, panelBy)
  return {
    field: by,
    type: 'nominal',
    scale: { domain: series.map(({ name }) => name), range: series.map(({ colour }) => colour) },
    legend: legend && series.length > 1 ? { title: by === 'series' ? figure.seriesTitle : figure.panelTitle } : null,
  }
}

// Labels at whole numbers, at most about nine.
function xAxis({ rows, x }: Figure) {
  const positions = rows.map((row) => Number(row.x))
  const [first, last] = [Math.min(...positions), Math.max(...positions)]
  const step =
    [1, 2, 4, 5, 10, 20, 50, 100, 200, 500, 1000].find((size) => (last - first) / size <= 9) ??
    Math.ceil((last - first) / 9)
  const from = Math.ceil(first / step) * step
  return {
    values: Array.from({ length: Math.floor((last - from) / step) + 1 }, (_, i) => from + i * step),
    format: x.format ?? 'd',
    grid: false,
  }
}

function config({ ink, faint }: Drawing) {
  const text = { labelColor: ink, titleColor: ink, labelFontSize: 11, titleFontSize: 12, titleFontWeight: 'normal' }
  return {
    background: 'transparent',
    font: 'system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif',
    view: { stroke: null },
    axis: {
      ...text,
      gridColor: faint,
      gridOpacity: 0.28,
      domainColor: faint,
      tickColor: faint,
      titlePadding: 8,
      labelOverlap: true,
    },
    legend: { labelColor: ink, titleColor: ink, titleFontWeight: 'normal', labelLimit: 260 },
    title: { color: ink, fontWeight: 600 },
  }
}
