import { type BenchmarkName, benchmarks, type Item, type PromptStyle } from '../data/index.ts'
import { inWords } from '../data/world/index.ts'
import { error } from '../errors.ts'
import type { Setting } from './settings.ts'
import { type MetricName, metricNames } from './transitions.ts'

/** What is asked of a model: items of a benchmark, each in one or several settings. */
export interface Task {
  /** As `--tasks` spells it. */
  name: string
  /** As tables show it. */
  label: string
  benchmark: BenchmarkName
  settings: readonly Setting[]
  /** Which items; all by default. */
  select?: (item: Item) => boolean
  /** What `select` takes, for the error when there is none. */
  selects?: string
  /** The metric the verdicts make; without one the task's figure is its accuracy. */
  metric?: MetricName
  /** How many items by default, drawn as the paper draws them; all where absent. */
  samples?: number
}

/** The choice of questions for the three metrics: the paper's two, and the families of a world directory. */
export const sets = ['v1', 'v2', 'world'] as const
export type SetName = (typeof sets)[number]

const of = (group: string, ...values: string[]) => ({
  select: ({ groups }: Item) => [groups[group] ?? []].flat().some((value) => values.includes(value)),
  selects: `${group} ${values.join(', ')}`,
})
const perception = ['natural image', 'bar chart', 'table', 'pie chart', 'scatter plot', 'line plot']
const geometry = {
  select: ({ groups }: Item) => groups.context === 'geometry diagram' || groups.task === 'geometry problem solving',
  selects: 'context geometry diagram or task geometry problem solving',
}
const hard = { select: ({ groups }: Item) => Number(groups.level) >= 4, selects: 'level 4 or 5' }

type Selection = Pick<Task, 'benchmark' | 'select' | 'selects'>
const selections: Record<SetName, Record<MetricName, Selection>> = {
  v1: {
    M_vis: { benchmark: 'mathvista', ...of('category', 'general-vqa') },
    M_v2r: { benchmark: 'mathvista', ...of('category', 'math-targeted-vqa') },
    M_rea: { benchmark: 'math500' },
  },
  v2: {
    M_vis: { benchmark: 'mathvista', ...of('context', ...perception) },
    M_v2r: { benchmark: 'mathvista', ...geometry },
    M_rea: { benchmark: 'math500', ...hard },
  },
  world: {
    M_vis: { benchmark: 'generic', ...of('family', 'perception') },
    M_v2r: { benchmark: 'generic', ...of('family', 'vision_to_reasoning') },
    M_rea: { benchmark: 'generic', ...of('family', 'reasoning') },
  },
}

const metricSettings: Record<MetricName, readonly Setting[]> = {
  M_vis: ['image', 'black'],
  M_v2r: ['image', 'black_description'],
  M_rea: ['text'],
}

const labels: Record<BenchmarkName, string> = {
  mathvista: 'MathVista',
  mathvision: 'MathVision',
  mathverse: 'MathVerse',
  math500: 'MATH-500',
  gsm8k: 'GSM8K',
  generic: 'Accuracy',
}
const inText: readonly BenchmarkName[] = ['math500', 'gsm8k']

/**
 * The tiny world's stand-ins for the paper's three benchmarks, over the held-out questions of a world directory: every question with an image; those
 * that compute from an image; and the latter in three versions that move what they say from the text into the image.
 */
const tiny: Record<string, Task> = {
  tiny_vista: {
    name: 'tiny_vista',
    label: 'TinyVista',
    benchmark: 'generic',
    settings: ['image'],
    ...of('family', 'perception', 'vision_to_reasoning'),
  },
  tiny_vision: {
    name: 'tiny_vision',
    label: 'TinyVision',
    benchmark: 'generic',
    settings: ['image'],
    ...of('family', 'vision_to_reasoning'),
  },
  tiny_verse: {
    name: 'tiny_verse',
    label: 'TinyVerse',
    benchmark: 'generic',
    settings: ['description', 'image_description', 'image'],
    ...of('family', 'vision_to_reasoning'),
  },
}

const metrics = metricNames.map((name) => name.toLowerCase())
const groups: Record<string, readonly string[]> = {
  paper: [...metrics, 'mathvista', 'mathvision', 'mathverse'],
  world: [...metrics, ...Object.keys(tiny)],
}

/** Every name that `tasks` may hold: benchmarks, metrics, the tiny world's benchmarks, and `paper` and `world`, which are six of them each. */
export const taskNames: readonly string[] = [
  ...Object.keys(benchmarks),
  ...metrics,
  ...Object.keys(tiny),
  ...Object.keys(groups),
]

/** The tasks of those names, each once. Throws `ERR_UNKNOWN_OPTION` with the names there are. */
export function tasksOf(names: readonly string[], set: SetName): Task[] {
  const all = names.flatMap((name) => (Object.hasOwn(groups, name) ? groups[name]! : [name]))
  return [...new Set(all)].map((name) => {
    const metric = metricNames.find((metric) => metric.toLowerCase() === name)
    if (metric) {
      return { name, label: metric, metric, settings: metricSettings[metric], samples: 100, ...selections[set][metric] }
    }
    if (Object.hasOwn(tiny, name)) return tiny[name]!
    if (!Object.hasOwn(benchmarks, name)) {
      throw error('ERR_UNKNOWN_OPTION', `Expected tasks of ${taskNames.join(', ')} but received '${name}'`)
    }
    const of = name as BenchmarkName
    return { name, label: labels[of], benchmark: of, settings: [inText.includes(of) ? 'text' : 'image'] }
  })
}

/** `boxed` for benchmarks; data records bring the conversation their model was trained on, so nothing is added to it. */
export function defaultStyle(of: BenchmarkName): PromptStyle {
  return of === 'generic' ? 'plain' : 'boxed'
}

/** How a description goes before a question; for data records as the world's training data joins the two. */
export function describer(of: BenchmarkName): (description: string, text: string) => string {
  if (of === 'generic') return (description, text) => inWords(description.replace(/\.$/, ''), text)
  return (description, text) => `The image shows the following.\n\n${description}\n\n${text}`
}
