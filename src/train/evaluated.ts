import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { check } from '../check.ts'
import { error, messageOf } from '../errors.ts'
import { writeAtomic } from '../run/files.ts'

const heading = '## Evaluation'

// What `frankentorch eval` writes as summary.json: summaries by model and task.
const Summaries = z.record(
  z.string(),
  z.record(z.string(), z.looseObject({ label: z.string(), result: z.looseObject({ value: z.number() }).nullable() })),
)
type Summaries = z.output<typeof Summaries>

// Of the fine-grained metrics; every other task is a benchmark.
const metricTasks = ['m_vis', 'm_v2r', 'm_rea']

/**
 * Adds to the model card of `checkpoint` what `frankentorch eval --out evaluation` found, as the paper's two tables: fine-grained metrics, and benchmarks. An
 * older section is replaced. Throws `ERR_DATA` where there is no such evaluation, `ERR_OUTPUT` where there is no card.
 */
export async function addEvaluation(checkpoint: string, evaluation: string): Promise<string> {
  const summaries = await readSummaries(join(evaluation, 'summary.json'))
  const file = join(checkpoint, 'README.md')
  const card = await readFile(file, 'utf8').catch((cause) => {
    throw error('ERR_OUTPUT', `Expected a model card at ${file}: ${messageOf(cause)}`, { cause })
  })
  const tasks = [...new Set(Object.values(summaries).flatMap((tasks) => Object.keys(tasks)))]
  const tables = [
    ['Fine-grained metrics', tasks.filter((task) => metricTasks.includes(task))],
    ['Benchmarks', tasks.filter((task) => !metricTasks.includes(task))],
  ] as const
  const shown = tables
    .filter(([, columns]) => columns.length > 0)
    .map(([title, columns]) => `${title}, in percent:\n\n${table(summaries, columns)}\n`)
  const before = card.split(`\n${heading}\n`)[0]!.trimEnd()
  await writeAtomic(file, `${before}\n\n${heading}\n\n${shown.join('\n')}`)
  return file
}

async function readSummaries(file: string): Promise<Summaries> {
  try {
    return check(Summaries, JSON.parse(await readFile(file, 'utf8')), file, 'ERR_DATA')
  } catch (cause) {
    throw error('ERR_DATA', `Expected the results of an evaluation at ${file}: ${messageOf(cause)}`, { cause })
  }
}

function table(summaries: Summaries, tasks: readonly string[]): string {
  const label = (task: string) => Object.values(summaries).flatMap((of) => of[task]?.label ?? [])[0]!
  const percent = (value: number | undefined) => (value === undefined ? '–' : (100 * value).toFixed(1))
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [
    row(['Model', ...tasks.map(label)]),
    row(['---', ...tasks.map(() => '---:')]),
    ...Object.entries(summaries).map(([model, of]) =>
      row([model, ...tasks.map((task) => percent(of[task]?.result?.value))]),
    ),
  ].join('\n')
}
