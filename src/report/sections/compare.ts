import { join } from 'node:path'
import { z } from 'zod'
import { type Figure, type Region, type Row, seriesOf, thirdsOf } from '../figure.ts'
import { type Material, readJson } from '../runs.ts'
import { percent, type Section } from '../section.ts'

const numbers = z.looseObject({})
const Entry = z.looseObject({
  param_name: z.string(),
  layer_idx: z.number(),
  section: z.string(),
  component: z.string(),
  sft: numbers.optional(),
  rl: numbers.optional(),
})
const File = z.looseObject({ layers: z.array(Entry) })
type Entry = z.infer<typeof Entry>

const updates = { sft: 'Base → IN (supervised)', rl: 'IN → RL (reinforced)' } as const
type Update = keyof typeof updates
const keys = Object.keys(updates) as Update[]

function value(entry: Entry, update: Update, field: string): number | null {
  const found = entry[update]?.[field]
  return typeof found === 'number' && Number.isFinite(found) ? found : null
}

/** Update characterization: how large each update is by depth, and how its spectrum spreads. */
export async function compareSection(material: Material): Promise<Section | undefined> {
  let energy: Entry[] | undefined
  let spectrum: Entry[] | undefined
  for (const { directory } of material.runs) {
    energy ??= (await readJson(join(directory, 'fro_norm.json'), File))?.layers
    spectrum ??= (await readJson(join(directory, 'layerwise_svd.json'), File))?.layers
  }
  if (!energy && !spectrum) return undefined
  return {
    id: 'weights',
    name: 'Weights',
    title: 'What the updates changed in the weights',
    intro:
      'The two updates, Base → IN by supervised training and IN → RL by reinforcement learning, compared matrix by matrix: how much energy they put at which depth, and into how many directions.',
    findings: energy ? energySentences(energy) : [],
    figures: [...(energy ? [energyFigure(energy)] : []), ...(spectrum ? spectrumFigures(spectrum) : [])],
    parts: [],
  }
}

function energyFigure(entries: readonly Entry[]): Figure {
  const components = ['Attention', 'MLP', 'Other'].filter((name) => entries.some(({ component }) => component === name))
  const rows = keys.flatMap((update) =>
    components.flatMap((component) => {
      const own = entries.filter((entry) => entry.component === component && value(entry, update, 'fro_norm') !== null)
      return layersOf(own).map((layer): Row => {
        const norms = own.filter((entry) => entry.layer_idx === layer).map((entry) => value(entry, update, 'fro_norm')!)
        return { x: layer, y: mean(norms), n: norms.length, series: component, panel: updates[update] }
      })
    }),
  )
  return {
    id: 'figure-energy',
    title: 'Energy of the updates by depth',
    caption:
      'Mean Frobenius norm of the change of the weight matrices of a layer. Vision blocks lie below 0, the projector at 0, decoder layers above.',
    mark: 'line',
    x: { title: 'Layer on the unified axis' },
    y: { title: 'Mean ‖Δ‖ (Frobenius)', format: '.3~r' },
    seriesTitle: 'Component',
    panelTitle: 'Update',
    series: seriesOf(components),
    panels: keys.map((update) => updates[update]).filter((name) => rows.some(({ panel }) => panel === name)),
    rows,
    regions: regionsOf(entries),
    exchangeable: true,
  }
}

function energySentences(entries: readonly Entry[]): string[] {
  const decoder = entries.filter(({ layer_idx }) => layer_idx >= 1)
  const count = Math.max(0, ...decoder.map(({ layer_idx }) => layer_idx))
  if (count < 3) return []
  return keys.flatMap((update) => {
    const energyOf = (from: number, to: number) =>
      decoder
        .filter(({ layer_idx }) => layer_idx > from && layer_idx <= to)
        .reduce((sum, entry) => sum + (value(entry, update, 'fro_norm') ?? 0) ** 2, 0)
    const cuts = [0, Math.floor(count / 3), Math.floor((2 * count) / 3), count]
    const parts = ['early', 'middle', 'late'].map((name, index) => ({
      name,
      energy: energyOf(cuts[index]!, cuts[index + 1]!),
    }))
    const whole = parts.reduce((sum, { energy }) => sum + energy, 0)
    if (whole === 0) return []
    const shares = parts.map(({ name, energy }) => `${percent(energy / whole, 0)} % in the ${name} third`).join(', ')
    return [`${updates[update]} put its squared change of the decoder's matrices ${shares}.`]
  })
}

const measures = { effective_rank: 'Effective rank', stable_rank: 'Stable rank', spectral_norm: 'Spectral norm σ₁' }

function spectrumFigures(entries: readonly Entry[]): Figure[] {
  const decoder = entries.filter(({ layer_idx }) => layer_idx >= 1)
  const used = decoder.length > 0 ? decoder : entries
  const count = Math.max(...used.map(({ layer_idx }) => layer_idx))
  const fields = Object.keys(measures).filter((field) =>
    used.some((entry) => keys.some((update) => value(entry, update, field) !== null)),
  )
  const names = keys.map((update) => updates[update])
  const rows = fields.flatMap((field) =>
    keys.flatMap((update) =>
      layersOf(used).map((layer): Row => {
        const values = used
          .filter(({ layer_idx }) => layer_idx === layer)
          .flatMap((entry) => value(entry, update, field) ?? [])
        return {
          x: layer - 1,
          y: values.length === 0 ? null : mean(values),
          series: updates[update],
          panel: measures[field as keyof typeof measures],
        }
      }),
    ),
  )
  const component = [...new Set(used.map(({ param_name }) => param_name.replace(/^.*\.([^.]+)\.weight$/, '$1')))].join(
    ', ',
  )
  const figures: Figure[] = [
    {
      id: 'figure-spectrum',
      title: 'Spread of the updates over directions',
      caption: `Of the change of ${component} in each decoder layer: effective rank exp(−Σ p ln p) of its singular values, stable rank ‖Δ‖²/σ₁², and σ₁ itself.`,
      mark: 'line',
      x: { title: 'Decoder layer' },
      y: { title: '', format: '.3~r' },
      seriesTitle: 'Update',
      panelTitle: 'Measure',
      series: [
        { name: names[0]!, colour: '#2f7fc1' },
        { name: names[1]!, colour: '#d9621e' },
      ],
      panels: fields.map((field) => measures[field as keyof typeof measures]),
      rows,
      regions: thirdsOf(count),
    },
  ]
  const curves = curveRows(used)
  if (curves.length > 0) figures.push(curveFigure(curves, component))
  return figures
}

// Singular values relative to the largest, averaged over the layers of a third.
function curveRows(entries: readonly Entry[]): Row[] {
  const regions = ['early', 'middle', 'late']
  return keys.flatMap((update) =>
    regions.flatMap((region) => {
      const curves = entries
        .filter((entry) => String(entry.region ?? '').toLowerCase() === region)
        .map((entry) => topOf(entry, update))
        .filter((values) => values.length > 1 && values[0]! > 0)
      if (curves.length === 0) return []
      const length = Math.min(50, ...curves.map((curve) => curve.length))
      return Array.from({ length }, (_, rank): Row => {
        const y = mean(curves.map((curve) => curve[rank]! / curve[0]!))
        return { x: rank + 1, y: y > 0 ? y : null, series: region, panel: updates[update] }
      })
    }),
  )
}

function topOf(entry: Entry, update: Update): number[] {
  const numbers = entry[update] ?? {}
  const list = Object.entries(numbers).find(([name, found]) => /singular/.test(name) && Array.isArray(found))?.[1]
  return z.array(z.number()).safeParse(list).data ?? []
}

function curveFigure(rows: Row[], component: string): Figure {
  return {
    id: 'figure-singular-values',
    title: 'Singular values of the updates',
    caption: `Singular values of the change of ${component}, divided by the largest and averaged over the layers of a third. A flat curve means that many directions changed.`,
    mark: 'line',
    x: { title: 'Rank' },
    y: { title: 'σ / σ₁', format: '.2~g', scale: 'log' },
    seriesTitle: 'Third',
    panelTitle: 'Update',
    series: seriesOf([...new Set(rows.map(({ series }) => series))]),
    panels: [...new Set(rows.map(({ panel }) => panel))],
    rows,
    exchangeable: true,
  }
}

function regionsOf(entries: readonly Entry[]): Region[] {
  const depth = -Math.min(0, ...entries.map(({ layer_idx }) => layer_idx))
  const count = Math.max(0, ...entries.map(({ layer_idx }) => layer_idx))
  const vision = depth > 0 ? [{ from: -depth - 0.5, to: -0.5, label: 'vision' }] : []
  // the projector's one place stays unshaded
  return [...vision, ...(depth > 0 ? [] : []), ...thirdsOf(count, 1)]
}

function layersOf(entries: readonly Entry[]): number[] {
  return [...new Set(entries.map(({ layer_idx }) => layer_idx))].sort((a, b) => a - b)
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, one) => sum + one, 0) / values.length
}
