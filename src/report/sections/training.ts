import { join } from 'node:path'
import { z } from 'zod'
import { type Figure, type Row, seriesOf } from '../figure.ts'
import { roleColour } from '../manifest.ts'
import { inStudyOrder, type Material, modelOf, readLines, roleOf } from '../runs.ts'
import type { Section } from '../section.ts'

const Line = z.looseObject({ step: z.number() })

// What is worth a curve, by the names that metrics.jsonl may have, and how the page calls it.
const curves: [RegExp, string][] = [
  [/^loss$/, 'Loss'],
  [/^(reward|reward_mean|mean_reward)$/, 'Reward'],
  [/^(accuracy|accuracy_reward|rewards?[_./]accuracy)$/, 'Accuracy reward'],
  [/^(eval_loss|eval[_./]loss)$/, 'Loss, held out'],
  [/^(entropy)$/, 'Entropy'],
  [/^(clip_fraction|clip_ratio|clipped)$/, 'Clipped ratios'],
  [/^(completion_length|mean_length|reply_tokens|length)$/, 'Reply length'],
]

/** How training went: the curves of metrics.jsonl. */
export async function trainingSection(material: Material): Promise<Section | undefined> {
  const rows: Row[] = []
  for (const run of material.runs.filter(({ config }) => config.command.startsWith('train'))) {
    const model = modelOf(run, material)
    for (const line of await readLines(join(run.directory, 'metrics.jsonl'), Line)) {
      for (const [name, value] of Object.entries(line)) {
        const title = curves.find(([pattern]) => pattern.test(name))?.[1]
        if (title && typeof value === 'number') rows.push({ x: line.step, y: value, series: model, panel: title })
      }
    }
  }
  if (rows.length === 0) return undefined
  const models = inStudyOrder(
    rows.map(({ series }) => series),
    material,
  )
  const present = curves.map(([, title]) => title).filter((title) => rows.some(({ panel }) => panel === title))
  const figure: Figure = {
    id: 'figure-training',
    title: 'Training curves',
    caption: 'As metrics.jsonl has them, step by step; longer runs are thinned to 200 points.',
    mark: 'line',
    x: { title: 'Step' },
    y: { title: '', format: '.3~r' },
    seriesTitle: 'Model',
    panelTitle: 'Quantity',
    series: seriesOf(models, (name) => roleColour(roleOf(name, material))),
    panels: present,
    rows: thinned(rows),
  }
  return {
    id: 'training',
    name: 'Training',
    title: 'How the models were trained',
    intro:
      'Supervised cold start, then reinforcement learning with verifiable rewards, in full and with a third of the decoder frozen.',
    findings: [],
    figures: [figure],
    parts: [],
  }
}

function thinned(rows: readonly Row[]): Row[] {
  const curves = new Map<string, Row[]>()
  for (const row of rows) {
    const key = `${row.series}\n${row.panel}`
    if (!curves.get(key)?.push(row)) curves.set(key, [row])
  }
  return [...curves.values()].flatMap((curve) => {
    const every = Math.ceil(curve.length / 200)
    return curve.filter((_, index) => index % every === 0 || index === curve.length - 1)
  })
}
