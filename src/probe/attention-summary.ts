import type { TopLevelSpec } from 'vega-lite'
import { heatMap } from '../report/heat-map.ts'
import { lineChart, type Series } from '../report/plot.ts'
import { bootstrap } from '../statistics/index.ts'

/** Attention mass on image tokens in one layer, by head; null where no token was generated that the model read. */
export interface HeadMass {
  question: number[]
  generated: number[] | null
}

/** A line of `attention_results.jsonl`. */
export interface AttentionRecord {
  task: string
  sample_id: string
  reply: string
  layers: HeadMass[]
  versus?: { reply: string; layers: HeadMass[] }
  /** SHA-256 of the checkpoint; null where the run has no directory. */
  model_sha256: string | null
  dtype: string
}

export interface LayerMass {
  layer: number
  /** Means over heads, tokens and samples; null without data. */
  question: number | null
  generated: number | null
  /** The mass of generated tokens by head. */
  heads: number[] | null
}

/** `attention_mass.json`. `difference`: versus less model. */
export interface AttentionMass {
  /** Samples that could not be answered; the reasons are in `failures.jsonl`. */
  failures: number
  layers: LayerMass[]
  versus?: LayerMass[]
  difference?: LayerMass[]
}

export function summarizeAttention(
  records: readonly AttentionRecord[],
  { layers, versus: withVersus, failures }: { layers: number; versus: boolean; failures: number },
): AttentionMass {
  const own = means(records, layers)
  if (!withVersus) return { failures, layers: own }
  const versus = means(
    records.flatMap(({ versus }) => versus ?? []),
    layers,
  )
  return { failures, layers: own, versus, difference: own.map((before, layer) => less(versus[layer]!, before)) }
}

function means(records: readonly { layers: HeadMass[] }[], layers: number): LayerMass[] {
  return Array.from({ length: layers }, (_, layer) => {
    const masses = records.flatMap((record) => record.layers[layer] ?? [])
    const generated = masses.flatMap(({ generated }) => (generated ? [generated] : []))
    return {
      layer,
      question: mean(masses.flatMap(({ question }) => question)),
      generated: mean(generated.flat()),
      heads: generated[0]?.map((_, head) => mean(generated.map((heads) => heads[head]!))!) ?? null,
    }
  })
}

function less(after: LayerMass, before: LayerMass): LayerMass {
  const difference = (a: number | null, b: number | null) => (a === null || b === null ? null : a - b)
  const { heads } = before
  const comparable = heads !== null && after.heads?.length === heads.length
  return {
    layer: before.layer,
    question: difference(after.question, before.question),
    generated: difference(after.generated, before.generated),
    heads: comparable ? after.heads!.map((value, head) => value - heads[head]!) : null,
  }
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Mass over layers with bands over samples, and layers by heads; of the difference where there are two models. */
export function attentionCharts(
  { layers, difference }: AttentionMass,
  records: readonly AttentionRecord[],
  name: string,
): { attention_plot: TopLevelSpec; attention_heads: TopLevelSpec } {
  const shown = difference ?? layers
  const subtitle = `${name}, ${records.length} samples${difference ? '; second model less the first' : ''}`
  const y = difference ? 'Difference of attention mass on image tokens' : 'Attention mass on image tokens'
  const series = (['generated', 'question'] as const).map(
    (from): Series => ({
      name: from === 'generated' ? 'from generated tokens' : 'from the question',
      points: shown.map((layer) => ({
        x: layer.layer,
        y: layer[from],
        ...band(records, layer.layer, from, difference !== undefined),
      })),
    }),
  )
  return {
    attention_plot: lineChart({
      title: 'Attention to the image',
      subtitle: `${subtitle}; bands: 95 % by bootstrap`,
      x: 'Decoder layer',
      y,
      legend: 'Tokens',
      format: '.1%',
      series,
    }),
    attention_heads: heatMap({
      title: 'Attention of generated tokens to the image',
      subtitle,
      x: 'Decoder layer',
      y: 'Head',
      value: y,
      format: '.1%',
      diverging: difference !== undefined,
      cells: shown.flatMap(({ layer, heads }) => (heads ?? []).map((value, head) => ({ x: layer, y: head, value }))),
    }),
  }
}

function band(
  records: readonly AttentionRecord[],
  layer: number,
  from: 'generated' | 'question',
  difference: boolean,
): { low?: number; high?: number } {
  const of = (masses: HeadMass[] | undefined) => mean(masses?.[layer]?.[from] ?? [])
  const values = records.flatMap((record) => {
    const before = of(record.layers)
    if (!difference) return before ?? []
    const after = of(record.versus?.layers)
    return before === null || after === null ? [] : after - before
  })
  if (values.length < 2) return {}
  const { low, high } = bootstrap(values, { resamples: 1000 })
  return { low, high }
}
