import type { Accuracy, RepliesSummary, ScoreTasksOptions } from '../eval/index.ts'
import { interruption } from './interrupt.ts'
import { table } from './table.ts'
import type { Terminal } from './terminal.ts'

export type RepliesOptions = Omit<ScoreTasksOptions, 'signal' | 'onProgress'> & { json?: boolean }

/** `frankentorch eval --replies`: replies made elsewhere, scored; what is printed of them. */
export async function repliesSummaries(options: RepliesOptions, terminal: Terminal): Promise<string> {
  const { replies, tasks, data, split, setting, extraction, out, overwrite, json } = options
  const { scoreTasks } = await import('../eval/index.ts')
  const displays = Object.fromEntries(tasks.map((task) => [task, terminal.progress(task)]))
  try {
    const summaries = await scoreTasks({
      ...{ replies, tasks, data, split, setting, extraction, out, overwrite },
      signal: interruption,
      onProgress: (task, { done, total }) => {
        displays[task]!({ done, total, failed: 0 })
        if (done === total) displays[task]!.stop()
      },
    })
    return json ? JSON.stringify(summaries) : `${Object.values(summaries).map(describe).join('\n\n')}\n\n${out}`
  } finally {
    for (const display of Object.values(displays)) display.stop()
  }
}

function describe({ task, split, items, missing, overall, breakdowns }: RepliesSummary): string {
  const head = `${task}, ${split}: ${items} questions, ${missing} without a reply`
  if (!overall) return head
  const groups = Object.entries(breakdowns).flatMap(([by, accuracies]) =>
    Object.entries(accuracies).map(([group, accuracy]) => cells(`${by} ${group}`, accuracy)),
  )
  const rows = [['', 'replies', 'correct', '95 %', 'checked', 'unknown'], cells('overall', overall), ...groups]
  const width = Math.max(...rows.map(([name]) => name!.length))
  return `${head}\n\n${table(rows.map(([name, ...rest]) => [name!.padEnd(width), ...rest]))}`
}

function cells(name: string, { total, accuracy, low, high, accuracy_checked, unknown }: Accuracy): string[] {
  const interval = `${percent(low)} – ${percent(high)}`
  return [name, String(total), percent(accuracy), interval, percent(accuracy_checked), String(unknown)]
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(1)} %`
}
