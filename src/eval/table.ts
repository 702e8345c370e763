import type { TaskSummary } from './task-summary.ts'

/** Summaries by model and task. */
export type Results = Record<string, Record<string, TaskSummary>>

/** `paper_metrics.json`: fractions with 4 decimals, null for what was not asked. */
export type PaperMetrics = Record<string, { M_vis: number | null; M_v2r: number | null; M_rea: number | null }>

export function paperMetrics(results: Results): PaperMetrics {
  return Object.fromEntries(
    Object.entries(results).map(([model, { m_vis, m_v2r, m_rea }]) => {
      const value = (summary: TaskSummary | undefined) => summary?.result?.value ?? null
      return [model, { M_vis: value(m_vis), M_v2r: value(m_v2r), M_rea: value(m_rea) }]
    }),
  )
}

/** The table of the paper: a row a model, a column a task, percent with one decimal; a dash without data. */
export function resultRows(results: Results): string[][] {
  const labels = new Map(Object.values(results).flatMap((tasks) => Object.values(tasks).map((s) => [s.task, s.label])))
  return [
    ['Model', ...labels.values()],
    ...Object.entries(results).map(([model, tasks]) => [
      model,
      ...[...labels.keys()].map((task) => percent(tasks[task]?.result?.value)),
    ]),
  ]
}

/** What stands behind each figure: its interval, the transitions, and how many replies were cut off or held no answer. */
export function detailRows(results: Results): string[][] {
  const head = 'Model,Task,asked,result,95 %,checked,TT,TF,FT,FF,net,side,lift,cut off,no answer,failed'.split(',')
  return [
    head,
    ...Object.entries(results).flatMap(([model, tasks]) =>
      Object.values(tasks).map(({ label, samples, failed, result, settings, transitions: t }) => {
        const shown = Object.values(settings)
        const sum = (of: (setting: (typeof shown)[number]) => number) => shown.reduce((n, one) => n + of(one), 0)
        const total = sum(({ total }) => total)
        const share = (n: number) => percent(total === 0 ? null : n / total)
        const counts = t ? [t.TT, t.TF, t.FT, t.FF, t.net_gain].map(String) : Array<string>(5).fill('')
        const rates = t ? [percent(t.side_effect_rate), percent(t.lift_rate)] : ['', '']
        return [
          model,
          label,
          String(samples),
          percent(result?.value),
          result ? `${percent(result.low)} – ${percent(result.high)}` : '–',
          share(sum(({ correct_checked }) => correct_checked)),
          ...counts,
          ...rates,
          share(sum(({ truncated }) => truncated)),
          share(sum(({ unextracted }) => unextracted)),
          String(failed),
        ]
      }),
    ),
  ]
}

/** Rows as a table of Markdown. */
export function markdown([head, ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`
  return line(head!) + line(head!.map(() => '---')) + rows.map(line).join('')
}

function percent(fraction: number | null | undefined): string {
  return fraction === null || fraction === undefined ? '–' : (100 * fraction).toFixed(1)
}
