import { join } from 'node:path'
import { z } from 'zod'
import { bootstrap } from '../../statistics/index.ts'
import { type Figure, type Row, seriesOf, thirdsOf } from '../figure.ts'
import { roleColour } from '../manifest.ts'
import { type FoundRun, inStudyOrder, type Material, modelOf, readJson, readLines, roleOf } from '../runs.ts'
import { enumerate, percent, type Section } from '../section.ts'
import { swapSamples } from './swap-samples.ts'

const Summary = z.looseObject({
  tasks: z.array(z.string()),
  layers: z.array(z.number()),
  num_samples: z.number(),
  failures: z.number().optional(),
  change_rates: z.record(z.string(), z.record(z.string(), z.number().nullable())),
})

export const SwapRecord = z.looseObject({
  task: z.string(),
  sample_id: z.string(),
  layer: z.number(),
  original_answer: z.string(),
  swapped_answer: z.string(),
  answer_changed: z.boolean(),
  target_answer: z.string(),
  source_answer: z.string(),
})
export type SwapRecord = z.infer<typeof SwapRecord>

export interface VisionRun {
  model: string
  run: FoundRun
  summary: z.infer<typeof Summary>
  records: SwapRecord[]
}

/** Visual-token swap: change rate over the layer from which the image is another. */
export async function visionSection(material: Material): Promise<Section | undefined> {
  const found: VisionRun[] = []
  for (const run of material.runs.filter(({ config }) => config.command === 'probe vision')) {
    const summary = await readJson(join(run.directory, 'layer_swap_summary.json'), Summary)
    if (!summary) continue
    const records = await readLines(join(run.directory, 'layer_swap_results.jsonl'), SwapRecord)
    found.push({ model: modelOf(run, material), run, summary, records })
  }
  if (found.length === 0) return undefined
  const order = inStudyOrder(
    found.map(({ model }) => model),
    material,
  )
  found.sort((a, b) => order.indexOf(a.model) - order.indexOf(b.model))
  return {
    id: 'vision',
    name: 'Vision',
    title: 'Where the image is read',
    intro:
      'Visual-token swap: one question is asked about a target image while, in every decoder layer from l on, the keys and values at the image tokens come from another image. ' +
      'Where a swap no longer changes the answer, the layers before it have already read what the question needs.',
    findings: found.map((run) => sentence(run)),
    figures: [figure(found, order, material)],
    parts: await swapSamples(found),
  }
}

function figure(found: readonly VisionRun[], order: readonly string[], material: Material): Figure {
  const tasks = [...new Set(found.flatMap(({ summary }) => summary.tasks))]
  const layers = Math.max(...found.flatMap(({ summary }) => summary.layers)) + 1
  const answered = found.map(
    ({ records }) => new Set(records.map(({ task, sample_id }) => `${task}/${sample_id}`)).size,
  )
  return {
    id: 'figure-swap',
    title: 'Answers changed when the image is swapped from a layer on',
    caption: `Share of answers that changed, with 95 % bootstrap intervals; ${enumerate(found.map(({ model }, index) => `${answered[index]} pairs in ${model}`))}.`,
    mark: 'line',
    x: { title: 'First swapped decoder layer' },
    y: { title: 'Answers changed', format: '.0%', domain: [0, 1] },
    seriesTitle: 'Model',
    panelTitle: 'Task',
    series: seriesOf(order, (name) => roleColour(roleOf(name, material))),
    panels: tasks,
    rows: found.flatMap(rowsOf),
    regions: thirdsOf(layers),
    exchangeable: true,
  }
}

function rowsOf({ model, summary, records }: VisionRun): Row[] {
  const cells = new Map<string, boolean[]>()
  for (const { task, layer, answer_changed } of records) {
    const key = `${task}\n${layer}`
    if (!cells.get(key)?.push(answer_changed)) cells.set(key, [answer_changed])
  }
  return summary.tasks.flatMap((task) =>
    summary.layers.map((layer): Row => {
      const y = summary.change_rates[task]?.[layer] ?? null
      const values = cells.get(`${task}\n${layer}`)
      const row = { x: layer, y, series: model, panel: task }
      if (!values) return row
      const { low, high } = bootstrap(values, { resamples: 500 })
      return { ...row, low, high, n: values.length }
    }),
  )
}

// The last layer from which a swap still changes at least half as many answers as from the best one.
function sentence({ model, summary }: VisionRun): string {
  const parts = summary.tasks.map((task) => {
    const rates = summary.layers.map((layer) => summary.change_rates[task]?.[layer] ?? 0)
    const most = Math.max(...rates)
    if (most < 0.1) return `${task}: hardly any answer changes (at most ${percent(most, 0)} %)`
    const last = summary.layers[rates.findLastIndex((rate) => rate >= most / 2)]
    return `${task}: up to ${percent(most, 0)} % of answers change, at least half of that as late as layer ${last}`
  })
  return `Swapping the image in ${model} (${summary.num_samples} pairs a task): ${parts.join('; ')}.`
}
