import { bootstrap } from '../statistics/index.ts'

/** A line of `layer_swap_results.jsonl`. */
export interface SwapRecord {
  task: string
  sample_id: string
  /** The first swapped layer. */
  layer: number
  original_answer: string
  swapped_answer: string
  answer_changed: boolean
  target_answer: string
  source_answer: string
  /** Whether the swapped answer is the target's, and the source's; null where that is not known. */
  matches_target: boolean | null
  matches_source: boolean | null
  /** Whether the swap moved the answer to the source's; null where target and source have the same, or none is known. */
  moved_to_source: boolean | null
  /** Of the swapped answer's box, where the known answers are boxes. */
  iou_target?: number | null
  iou_source?: number | null
  /** First and last swapped layer. */
  swapped_layers: [number, number]
  tensors: 'kv' | 'k' | 'v'
  /** SHA-256 of the swap as canonical JSON, its source by the hash of its image. */
  intervention: string
  /** SHA-256 of the checkpoint; null where the run has no directory. */
  model_sha256: string | null
  dtype: string
}

type ByTaskAndLayer<Value> = Record<string, Record<string, Value>>

/** `layer_swap_summary.json`. */
export interface SwapSummary {
  tasks: string[]
  layers: number[]
  /** Pairs of the largest task, failed ones included. */
  num_samples: number
  /** Pairs that could not be answered; the reasons are in `failures.jsonl`. */
  failures: number
  /** Pairs answered, by task. */
  answered: Record<string, number>
  /** Fraction of answers that changed, by task and layer; null without data. */
  change_rates: ByTaskAndLayer<number | null>
  /** Bootstrap intervals of these at 95 %. */
  change_intervals: ByTaskAndLayer<[number, number] | null>
  /** Fraction of answers that moved to the source's, of the pairs whose answers are known and differ. */
  moved_rates: ByTaskAndLayer<number | null>
}

/** Counts records into rates. `pairs` are the samples the run was given, in any order. */
export function summarize(
  records: readonly SwapRecord[],
  pairs: readonly { task: string }[],
  tasks: string[],
  layers: number[],
): SwapSummary {
  const of = (task: string, layer: number) => records.filter((record) => record.task === task && record.layer === layer)
  const answered = Object.fromEntries(
    tasks.map((task) => [
      task,
      new Set(records.filter((record) => record.task === task).map(({ sample_id }) => sample_id)).size,
    ]),
  )
  const table = <Value>(value: (records: readonly SwapRecord[]) => Value): ByTaskAndLayer<Value> =>
    Object.fromEntries(
      tasks.map((task) => [task, Object.fromEntries(layers.map((layer) => [layer, value(of(task, layer))]))]),
    )
  return {
    tasks,
    layers,
    num_samples: Math.max(0, ...tasks.map((task) => pairs.filter((pair) => pair.task === task).length)),
    failures: pairs.length - Object.values(answered).reduce((sum, count) => sum + count, 0),
    answered,
    change_rates: table((of) => rate(of.map(({ answer_changed }) => answer_changed))),
    change_intervals: table((of) => interval(of.map(({ answer_changed }) => answer_changed))),
    moved_rates: table((of) => rate(of.flatMap(({ moved_to_source }) => moved_to_source ?? []))),
  }
}

export function rate(verdicts: readonly boolean[]): number | null {
  return verdicts.length === 0 ? null : verdicts.filter(Boolean).length / verdicts.length
}

/** Bounds of a rate at 95 %, by bootstrap. */
export function interval(verdicts: readonly boolean[]): [number, number] | null {
  if (verdicts.length === 0) return null
  const { low, high } = bootstrap(verdicts, { resamples: 1000 })
  return [low, high]
}
