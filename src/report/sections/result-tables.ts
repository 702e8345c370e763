import { type Html, html } from '../html.ts'
import { labelsOf, type PaperTable, type Results } from '../results.ts'
import type { Material } from '../runs.ts'
import { percent } from '../section.ts'

/** The paper's figures, printed beside ours wherever its table is (arXiv 2602.12395, 3B models, %). */
const published: [string, ...number[]][] = [
  ['Frankenstein-IN', 34.0, 21.0, 26.0, 46.5, 18.4, 37.0],
  ['Frankenstein-RL', 33.0, 29.0, 34.0, 48.1, 14.1, 37.8],
  ['RL, early block frozen', 35.0, 31.0, 36.0, 48.2, 21.0, 34.5],
  ['RL, middle block frozen', 25.0, 29.0, 38.0, 46.5, 15.5, 35.7],
  ['RL, late block frozen', 30.0, 27.0, 34.0, 47.9, 16.8, 35.0],
]

export function resultTable(results: Results, { title, note, models }: PaperTable, { manifest }: Material): Html {
  const labels = labelsOf(results)
  const cell = (model: string, task: string) => {
    const result = results[model]?.[task]?.result
    return html`<td>${percent(result?.value)}${result && html`<small>${percent(result.low, 0)} – ${percent(result.high, 0)}</small>`}</td>`
  }
  const recipe = (model: string) => {
    const written = manifest?.models[model]?.recipe
    return written && html`<small>${written}</small>`
  }
  return html`<div class="tablebox" tabindex="0"><table class="results">
    <caption>${title} <span class="caption">%; below each figure its 95 % interval. ${note}</span></caption>
    <thead><tr><th scope="col">Model</th>${labels.map(([, label]) => html`<th scope="col">${label}</th>`)}</tr></thead>
    <tbody>${models.map((model) => html`<tr data-model="${model}"><th scope="row">${model}${recipe(model)}</th>${labels.map(([task]) => cell(model, task))}</tr>`)}</tbody>
  </table></div>`
}

export function publishedTable(): Html {
  const head = ['Model', 'M_vis', 'M_v2r', 'M_rea', 'MathVista', 'MathVision', 'MathVerse']
  return html`<div class="tablebox published" tabindex="0"><table>
    <caption>Published in arXiv 2602.12395 <span class="caption">%; the paper's own figures for 3B models on the real benchmarks, <em>not measured here</em></span></caption>
    <thead><tr>${head.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
    <tbody>${published.map(([name, ...values]) => html`<tr><th scope="row">${name}</th>${values.map((value) => html`<td>${value.toFixed(1)}</td>`)}</tr>`)}</tbody>
  </table></div>`
}

export function detailTable(results: Results, models: readonly string[]): Html {
  const head = [
    'Model',
    'Task',
    'asked',
    'failed',
    'TT',
    'TF',
    'FT',
    'FF',
    'net gain',
    'side effect',
    'lift',
    'cut off',
    'no answer',
  ]
  const rows = models.flatMap((model) =>
    Object.values(results[model] ?? {}).map(({ label, samples, failed, transitions, settings }) => {
      const replies = Object.values(settings)
      const total = replies.reduce((sum, one) => sum + one.total, 0)
      const share = (field: 'truncation_rate' | 'extraction_failure_rate') =>
        total === 0 ? null : replies.reduce((sum, one) => sum + one.total * (one[field] ?? 0), 0) / total
      const counts = transitions
        ? [transitions.TT, transitions.TF, transitions.FT, transitions.FF, transitions.net_gain]
        : Array(5).fill('')
      const rates = transitions ? [percent(transitions.side_effect_rate), percent(transitions.lift_rate)] : ['', '']
      return [
        model,
        label,
        samples,
        failed,
        ...counts,
        ...rates,
        percent(share('truncation_rate')),
        percent(share('extraction_failure_rate')),
      ]
    }),
  )
  return html`<details><summary>What stands behind each figure: transitions between the settings, replies cut off or without an answer</summary>
    <p class="caption">T right, F wrong, first in the first setting of the metric (with the image), then in the second. Rates in %.</p>
    <div class="tablebox scroll" tabindex="0"><table>
    <thead><tr>${head.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>`)}</tbody>
  </table></div></details>`
}
