import type { TopLevelSpec } from 'vega-lite'
import { lineChart } from '../report/plot.ts'
import type { SwapSummary } from './summary.ts'

/** Change rate over the first swapped layer, one line a task. `name` is the model's. */
export function changeRateChart({ tasks, layers, answered, change_rates }: SwapSummary, name: string): TopLevelSpec {
  const counts = [...new Set(Object.values(answered))]
  const pairs =
    counts.length === 1 ? `${counts[0]} pairs a task` : tasks.map((task) => `${task} ${answered[task]}`).join(', ')
  return lineChart({
    title: 'Visual-token swap',
    subtitle: `${name}, ${pairs}`,
    x: 'Keys and values of the image swapped from this decoder layer on',
    y: 'Answers changed',
    legend: 'Task',
    domain: [0, 1],
    format: '.0%',
    series: tasks.map((task) => ({
      name: task,
      points: layers.map((layer) => ({ x: layer, y: change_rates[task]![layer]! })),
    })),
  })
}
