import type { TopLevelSpec } from 'vega-lite'
import { lineChart } from '../report/plot.ts'
import type { SwapSummary } from './summary.ts'

/** Change rate over the first swapped layer with its interval, one line a task. `name` is the model's. */
export function changeRateChart(
  { tasks, layers, answered, change_rates, change_intervals }: SwapSummary,
  { name, mode, tensors }: { name: string; mode: string; tensors: string },
): TopLevelSpec {
  const counts = [...new Set(Object.values(answered))]
  const pairs =
    counts.length === 1 ? `${counts[0]} pairs a task` : tasks.map((task) => `${task} ${answered[task]}`).join(', ')
  const what = { kv: 'Keys and values', k: 'Keys', v: 'Values' }[tensors]
  const where =
    mode === 'from'
      ? 'from this decoder layer on'
      : mode === 'only'
        ? 'in this decoder layer'
        : `in ${mode.slice(7)} decoder layers from this one`
  return lineChart({
    title: 'Visual-token swap',
    subtitle: `${name}, ${pairs}; bands: 95 % by bootstrap`,
    x: `${what} of the image swapped ${where}`,
    y: 'Answers changed',
    legend: 'Task',
    domain: [0, 1],
    format: '.0%',
    series: tasks.map((task) => ({
      name: task,
      points: layers.map((layer) => {
        const [low, high] = change_intervals[task]![layer] ?? []
        return { x: layer, y: change_rates[task]![layer]!, low, high }
      }),
    })),
  })
}
