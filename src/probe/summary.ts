/** A line of `layer_swap_results.jsonl`. */
export interface SwapRecord {
  task: string
  sample_id: string
  layer: number
  original_answer: string
  swapped_answer: string
  answer_changed: boolean
  target_answer: string
  source_answer: string
}

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
  change_rates: Record<string, Record<string, number | null>>
}

/** Counts records into rates. `pairs` are the samples the run was given, in any order. */
export function summarize(
  records: readonly SwapRecord[],
  pairs: readonly { task: string }[],
  tasks: string[],
  layers: number[],
): SwapSummary {
  const givenTo = (task: string) => pairs.filter((pair) => pair.task === task).length
  const answered = Object.fromEntries(
    tasks.map((task) => [
      task,
      new Set(records.filter((record) => record.task === task).map(({ sample_id }) => sample_id)).size,
    ]),
  )
  const rates = (task: string) =>
    Object.fromEntries(
      layers.map((layer) => [
        layer,
        changeRate(records.filter((record) => record.task === task && record.layer === layer)),
      ]),
    )
  return {
    tasks,
    layers,
    num_samples: Math.max(0, ...tasks.map(givenTo)),
    failures: pairs.length - Object.values(answered).reduce((sum, count) => sum + count, 0),
    answered,
    change_rates: Object.fromEntries(tasks.map((task) => [task, rates(task)])),
  }
}

function changeRate(records: readonly SwapRecord[]): number | null {
  if (records.length === 0) return null
  return records.filter((record) => record.answer_changed).length / records.length
}
