import { dirname } from 'node:path'
import { z } from 'zod'
import { check } from '../check.ts'
import { error } from '../errors.ts'
import type { RunConfig } from '../run/config.ts'
import { reopenRun } from '../run/run.ts'
import { type EvalProgress, type Evaluation, JudgeOption, judgeOf } from './evaluate.ts'
import { type Asked, dataOf, readQuestions } from './questions.ts'
import { scoreRun } from './score-run.ts'
import { paperMetrics } from './table.ts'
import { sets, tasksOf } from './tasks.ts'

const RegradeOptions = z.strictObject({
  /** Where the data lie now, as `evaluate` takes them; by default where they lay. */
  data: z.string().optional(),
  /** Judges the replies. */
  judge: JudgeOption.optional(),
  /** Replies before the judge at once. */
  batch: z.int().min(1).default(8),
  signal: z.instanceof(AbortSignal).optional(),
  onProgress: z
    .custom<(progress: EvalProgress) => void>((value) => typeof value === 'function', 'a function')
    .optional(),
})
export type RegradeOptions = z.input<typeof RegradeOptions>

/** What `evaluate` wrote of its arguments, as far as it says which questions were asked. */
const Arguments = z.looseObject({
  set: z.enum(sets),
  samples: z.int().min(1).nullable(),
  seed: z.int().min(0),
  tasks: z.array(z.looseObject({ task: z.string(), split: z.string() })),
})

/**
 * Scores the replies of an evaluation again, without a model: by the rules and the checker as they are now, with a judge or without. Replaces
 * everything in `out` but the replies; an evaluation that is not finished is scored as far as it goes.
 * Throws `ERR_RUN_MISMATCH` when `out` holds no evaluation or the data have changed, and what the readers and the judge throw.
 */
export async function regrade(out: string, options: RegradeOptions = {}): Promise<Evaluation> {
  const checked = check(RegradeOptions, options)
  const { signal, onProgress, batch } = checked
  await using run = await reopenRun({ out, command: 'eval', signal })
  const asked = await questionsOf(run.config, out, checked.data)
  const results = await scoreRun(run, asked, {
    judge: await judgeOf(checked.judge, out, signal),
    concurrency: batch,
    signal,
    onProgress: (progress) => onProgress?.({ stage: 'scores', ...progress }),
  })
  return { results, paperMetrics: paperMetrics(results), failures: await run.failures() }
}

async function questionsOf({ arguments: given, data }: RunConfig, out: string, moved?: string): Promise<Asked[]> {
  const { set, samples, seed, tasks } = check(Arguments, given, `${out}/config.json arguments`, 'ERR_RUN_MISMATCH')
  const benchmarks = new Set(Object.keys(data).flatMap((name) => (name.includes('/') ? [name.split('/')[0]] : [])))
  const asked: Asked[] = []
  for (const { task: name, split } of tasks) {
    const task = tasksOf([name], set)[0]!
    const source =
      moved === undefined ? whereItLay(task.benchmark, data) : await dataOf(task.benchmark, moved, benchmarks.size > 1)
    const questions = await readQuestions(task, {
      data: source,
      split,
      samples: samples ?? undefined,
      seed,
      images: false,
    })
    requireSameData(questions, data)
    asked.push(questions)
  }
  return asked
}

/** The file the questions were read from, or the folder of several. */
function whereItLay(benchmark: string, data: RunConfig['data']): string | undefined {
  const paths = Object.entries(data).flatMap(([name, { path }]) =>
    name.startsWith(`${benchmark}/`) && path ? [path] : [],
  )
  return paths.length > 1 ? dirname(paths[0]!) : paths[0]
}

function requireSameData({ sources }: Asked, data: RunConfig['data']): void {
  for (const [name, { path, sha256 }] of Object.entries(sources)) {
    if (data[name]?.sha256 === sha256) continue
    throw error(
      'ERR_RUN_MISMATCH',
      `${path} is not what the questions were read from: its hash is another than config.json has for ${name}`,
    )
  }
}
