import type { TopLevelSpec } from 'vega-lite'
import { heatMap } from '../report/heat-map.ts'
import { lineChart } from '../report/plot.ts'
import { interval, rate } from './summary.ts'

/** A line of `ablation_results.jsonl` and of `<name>/<dataset>.jsonl`. */
export interface ReasoningRecord {
  id: string
  question: string
  gold_answer: string
  /** The answer found in the reply; empty when there is none. */
  predicted: string
  correct: boolean
  full_response: string
  /** `none`, `zero layer`, `mean head` … */
  ablation: string
  /** The first, of a block; null for the intact model. */
  ablated_layer: number | null
  ablated_head?: number
  name: string
  /** By which of the checker's methods `correct` was reached. */
  method: string
  finish_reason: string
  reply_tokens: number
  /** SHA-256 of the interventions as canonical JSON; null for the intact model. */
  intervention: string | null
  /** SHA-256 of the checkpoint; null where the run has no directory. */
  model_sha256: string | null
  dtype: string
}

/** `<name>/summary.json`. */
export interface ReasoningSummary {
  experiment: string
  ablated_layer: number | null
  ablated_head?: number
  /** Null without data. */
  accuracy: number | null
  correct: number
  total: number
  /** Questions that could not be answered; the reasons are in `failures.jsonl`. */
  failures: number
  /** Bounds of the accuracy at 95 %, by bootstrap. */
  interval: [number, number] | null
}

export function summarizeReasoning(
  name: string,
  records: readonly ReasoningRecord[],
  failures: number,
): ReasoningSummary {
  const own = records.filter((record) => record.name === name)
  const verdicts = own.map(({ correct }) => correct)
  const [, layer, head] = /_(\d+)(?:_(\d+))?$/.exec(name) ?? []
  return {
    experiment: name,
    ablated_layer: layer === undefined ? (own[0]?.ablated_layer ?? null) : Number(layer),
    ...(head === undefined ? {} : { ablated_head: Number(head) }),
    accuracy: rate(verdicts),
    correct: verdicts.filter(Boolean).length,
    total: verdicts.length,
    failures,
    interval: interval(verdicts),
  }
}

/** Accuracy over the layer left out with its interval, the intact model's beside it; of heads, the change by layer and head. */
export function accuracyChart(summaries: readonly ReasoningSummary[], name: string, dataset: string): TopLevelSpec {
  const baseline = summaries.find(({ experiment }) => experiment === 'baseline')
  const parts = summaries.filter(({ experiment }) => experiment !== 'baseline')
  const title = `Ablation on ${dataset}`
  if (parts.some(({ ablated_head }) => ablated_head !== undefined)) {
    return heatMap({
      title,
      subtitle: `${name}, ${baseline?.total ?? 0} questions`,
      x: 'Decoder layer',
      y: 'Head left out',
      value: 'Accuracy less the intact model’s',
      format: '+.0%',
      diverging: true,
      cells: parts.map(({ ablated_layer, ablated_head, accuracy }) => ({
        x: ablated_layer!,
        y: ablated_head!,
        value: accuracy === null || !baseline || baseline.accuracy === null ? null : accuracy - baseline.accuracy,
      })),
    })
  }
  const point = ({ accuracy, interval }: ReasoningSummary, x: number) => ({
    x,
    y: accuracy,
    low: interval?.[0],
    high: interval?.[1],
  })
  const layers = parts.map(({ ablated_layer }) => ablated_layer ?? 0)
  return lineChart({
    title,
    subtitle: `${name}, ${baseline?.total ?? 0} questions; bands: 95 % by bootstrap`,
    x: 'Decoder layer left out',
    y: 'Accuracy',
    legend: 'Model',
    domain: [0, 1],
    format: '.0%',
    series: [
      { name: 'ablated', points: parts.map((part) => point(part, part.ablated_layer ?? 0)) },
      ...(baseline ? [{ name: 'intact', points: layers.map((layer) => point(baseline, layer)) }] : []),
    ],
  })
}
