import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { bootstrap } from '../../statistics/index.ts'
import { type Figure, type Row, seriesOf, thirdsOf } from '../figure.ts'
import { roleColour } from '../manifest.ts'
import { inStudyOrder, type Material, modelOf, readLines, roleOf } from '../runs.ts'
import { percent, type Section } from '../section.ts'

const Answer = z.looseObject({ id: z.string(), correct: z.union([z.boolean(), z.string(), z.null()]) })

/** Verdicts of one configuration (`baseline`, `layer_3`) on one dataset. */
interface Configuration {
  model: string
  dataset: string
  name: string
  verdicts: boolean[]
}

/** Zero ablation: accuracy over the layer that is skipped. */
export async function reasoningSection(material: Material): Promise<Section | undefined> {
  const found: Configuration[] = []
  for (const run of material.runs.filter(({ config }) => config.command === 'probe reasoning')) {
    const model = modelOf(run, material)
    for (const { name } of (await readdir(run.directory, { withFileTypes: true })).filter((entry) =>
      entry.isDirectory(),
    )) {
      for (const file of (await readdir(join(run.directory, name))).filter((one) => one.endsWith('.jsonl'))) {
        const records = await readLines(join(run.directory, name, file), Answer)
        const dataset = file.replace(/\.jsonl$/, '')
        found.push({ model, dataset, name, verdicts: records.map(({ correct }) => correct === true) })
      }
    }
  }
  const ablated = found.filter(({ name, verdicts }) => layerOf(name) !== undefined && verdicts.length > 0)
  if (ablated.length === 0) return undefined
  const models = inStudyOrder(
    ablated.map(({ model }) => model),
    material,
  )
  return {
    id: 'reasoning',
    name: 'Reasoning',
    title: 'Which layers reasoning needs',
    intro:
      'Zero ablation: one decoder layer returns its input unchanged, and the model answers questions without an image. The more accuracy falls, the more that layer is needed.',
    findings: models.map((model) => sentence(model, found)),
    figures: [figure(found, ablated, models, material)],
    parts: [],
  }
}

function figure(
  found: readonly Configuration[],
  ablated: readonly Configuration[],
  models: string[],
  material: Material,
): Figure {
  const rows = ablated.map(({ model, dataset, name, verdicts }): Row => {
    const { estimate, low, high } = bootstrap(verdicts, { resamples: 500 })
    return { x: layerOf(name)!, y: estimate, low, high, n: verdicts.length, series: model, panel: dataset }
  })
  rows.sort((a, b) => Number(a.x) - Number(b.x))
  const baselines = found.filter(({ name, verdicts }) => name === 'baseline' && verdicts.length > 0)
  return {
    id: 'figure-ablation',
    title: 'Accuracy with one decoder layer skipped',
    caption: 'Share of answers that are correct, with 95 % bootstrap intervals; dashed: the intact model.',
    mark: 'line',
    x: { title: 'Skipped decoder layer' },
    y: { title: 'Accuracy', format: '.0%', domain: [0, 1] },
    seriesTitle: 'Model',
    panelTitle: 'Questions',
    series: seriesOf(models, (name) => roleColour(roleOf(name, material))),
    panels: [...new Set(ablated.map(({ dataset }) => dataset))],
    rows,
    regions: thirdsOf(Math.max(...rows.map(({ x }) => Number(x))) + 1),
    references: baselines.map(({ model, dataset, verdicts }) => ({ series: model, panel: dataset, y: mean(verdicts) })),
    exchangeable: true,
  }
}

function sentence(model: string, found: readonly Configuration[]): string {
  const own = found.filter((one) => one.model === model && one.verdicts.length > 0)
  const parts = [...new Set(own.map(({ dataset }) => dataset))].map((dataset) => {
    const of = own.filter((one) => one.dataset === dataset)
    const intact = of.find(({ name }) => name === 'baseline')
    const ablated = of.filter(({ name }) => layerOf(name) !== undefined)
    if (!intact || ablated.length === 0) return `${dataset}: no intact model to compare with`
    const worst = ablated.reduce((a, b) => (mean(b.verdicts) < mean(a.verdicts) ? b : a))
    const fall = mean(intact.verdicts) - mean(worst.verdicts)
    const from = `${percent(mean(intact.verdicts), 0)} % correct intact`
    if (fall <= 0) return `${dataset}: ${from}, and no skipped layer lowers it`
    return `${dataset}: ${from}, ${percent(mean(worst.verdicts), 0)} % without layer ${layerOf(worst.name)}, the layer that costs most`
  })
  return `Skipping one layer of ${model} (${own[0]?.verdicts.length ?? 0} questions): ${parts.join('; ')}.`
}

function layerOf(name: string): number | undefined {
  const layer = /^layer_(\d+)$/.exec(name)?.[1]
  return layer === undefined ? undefined : Number(layer)
}

function mean(verdicts: readonly boolean[]): number {
  return verdicts.filter(Boolean).length / verdicts.length
}
