import { type Figure, type Row, seriesOf } from '../figure.ts'
import { html } from '../html.ts'
import { roleColour } from '../manifest.ts'
import { labelsOf, paperTables, type Results, readResults } from '../results.ts'
import { type Material, roleOf } from '../runs.ts'
import { percent, type Section } from '../section.ts'
import { detailTable, publishedTable, resultTable } from './result-tables.ts'

/** The metrics and benchmarks: the paper's two tables for the models at hand, and what stands behind each figure. */
export async function evaluationSection(material: Material): Promise<Section | undefined> {
  const { results, models } = await readResults(material)
  if (models.length === 0) return undefined
  const tables = paperTables(models, material).map((table) => resultTable(results, table, material))
  return {
    id: 'results',
    name: 'Results',
    title: 'Do the changed layers carry over, and are they needed?',
    intro:
      'M_vis: right with the image and wrong with a black one. M_v2r: right with the image and right when words stand for it. M_rea: right on text alone. Beside them three benchmarks.',
    findings: [
      ...trainingSentences(results, material),
      ...transferSentences(results, models, material),
      ...necessitySentences(results, models, material),
    ],
    figures: [figure(results, models, material)],
    parts: [html`<div class="tables">${tables}${publishedTable()}</div>`, detailTable(results, models)],
  }
}

function figure(results: Results, models: readonly string[], material: Material): Figure {
  const labels = labelsOf(results)
  const splices = models.filter((model) => roleOf(model, material) === 'splice')
  const rows = labels.flatMap(([task, label]) =>
    models.flatMap((model): Row[] => {
      const summary = results[model]?.[task]
      if (!summary?.result) return []
      const { value, low, high } = summary.result
      return [{ x: model, y: value, low, high, n: summary.samples - summary.failed, series: model, panel: label }]
    }),
  )
  return {
    id: 'figure-results',
    title: 'All models on all metrics and benchmarks',
    caption:
      'With 95 % bootstrap intervals. Two models whose intervals overlap widely are not told apart by so few questions.',
    mark: 'dots',
    x: { title: 'Model' },
    y: {
      title: '',
      format: '.0%',
      domain: [0, Math.min(1, Math.ceil(Math.max(0.1, ...rows.map(({ high }) => high ?? 0)) * 10) / 10)],
    },
    seriesTitle: 'Model',
    panelTitle: 'Metric',
    series: seriesOf(models, (name) => roleColour(roleOf(name, material), splices.indexOf(name))),
    panels: labels.map(([, label]) => label),
    rows,
  }
}

function trainingSentences(results: Results, material: Material): string[] {
  const [before, after] = ['in', 'rl'].map((role) =>
    Object.keys(results).find((model) => roleOf(model, material) === role),
  )
  if (!before || !after) return []
  const parts = differences(results, before, after)
  return parts.length > 0 ? [`From ${before} to ${after}: ${parts.join('; ')}.`] : []
}

function transferSentences(results: Results, models: readonly string[], material: Material): string[] {
  const splices = models.filter((model) => roleOf(model, material) === 'splice')
  const best = bestOf(results, splices)
  const donors = bestOf(
    results,
    models.filter((model) => ['in', 'rl'].includes(roleOf(model, material))),
  )
  if (!best || !donors) return []
  return [
    `Of ${splices.length} splices, '${best.model}' has the highest mean of the metrics, ${percent(best.mean)} %; of the two donors, ${donors.model} with ${percent(donors.mean)} %.`,
  ]
}

function necessitySentences(results: Results, models: readonly string[], material: Material): string[] {
  const full = Object.keys(results).find((model) => roleOf(model, material) === 'rl')
  if (!full) return []
  const frozen = models.filter((model) => roleOf(model, material).startsWith('frozen'))
  return frozen.flatMap((model) => {
    const parts = differences(results, full, model)
    return parts.length > 0 ? [`${model} against ${full}: ${parts.join('; ')}.`] : []
  })
}

/** What the metrics do from one model to the other, saying where the intervals do not part them. */
function differences(results: Results, before: string, after: string): string[] {
  return labelsOf(results).flatMap(([task, label]) => {
    const [a, b] = [results[before]?.[task]?.result, results[after]?.[task]?.result]
    if (!label.startsWith('M_') || !a || !b) return []
    const apart = a.high < b.low || b.high < a.low
    return [`${label} ${percent(a.value)} → ${percent(b.value)} %${apart ? '' : ' (intervals overlap)'}`]
  })
}

function bestOf(results: Results, models: readonly string[]): { model: string; mean: number } | undefined {
  const scored = models.flatMap((model) => {
    const values = Object.values(results[model] ?? {}).flatMap(({ label, result }) =>
      label.startsWith('M_') && result ? [result.value] : [],
    )
    return values.length === 0 ? [] : [{ model, mean: values.reduce((sum, one) => sum + one, 0) / values.length }]
  })
  return scored.sort((a, b) => b.mean - a.mean)[0]
}
