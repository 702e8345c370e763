import { join } from 'node:path'
import { z } from 'zod'
import { check } from '../check.ts'
import { promptStyles } from '../data/index.ts'
import { Judge, type JudgeOptions, openJudge } from '../judge/index.ts'
import { hashFile } from '../run/hash.ts'
import { type Progress, ProgressMeter } from '../run/progress.ts'
import { type Failure, openRun, type Run } from '../run/run.ts'
import type { FloatingDtype } from '../tensor/dtype.ts'
import { type Answered, answer, type ReplyRecord } from './answer.ts'
import { type Describe, describing } from './descriptions.ts'
import { defaultMaxPixels } from './images.ts'
import { identities, type ModelSource, openModel } from './models.ts'
import { type Asked, dataOf, isWorld, readQuestions } from './questions.ts'
import { repliesFile, scoreRun } from './score-run.ts'
import { needsDescription } from './settings.ts'
import { type PaperMetrics, paperMetrics, type Results } from './table.ts'
import { type SetName, sets, tasksOf } from './tasks.ts'

export const JudgeOption = z.custom<Judge | JudgeOptions>(
  (value) => value instanceof Judge || (typeof value === 'object' && value !== null && 'url' in value),
  'a judge, or { url }',
)

const EvaluateOptions = z.strictObject({
  /** By the name they have in tables and as folders of `out`: see `ModelSource`. */
  models: z.record(z.string().regex(/^\w[\w.+-]*$/, 'names of letters, digits, . + - and _'), z.unknown()),
  /** Names of `taskNames`. */
  tasks: z.array(z.string()).min(1),
  /** A benchmark's file or folder, a world directory, or a folder with one named after each; the Hugging Face cache by default. */
  data: z.string().optional(),
  /** Which questions the three metrics are about; `world` where `data` is a world directory, else `v2`. */
  set: z.enum(sets).optional(),
  /** Of the benchmarks that have it. */
  split: z.string().optional(),
  /** Questions of a task; by default 100 for the metrics and all of a benchmark. */
  samples: z.int().min(1).optional(),
  /** Of the drawing of samples. */
  seed: z.int().min(0).default(123),
  /** How questions are put; by default `boxed`, and data records as they stand. */
  style: z.enum(promptStyles).optional(),
  maxNewTokens: z.int().min(1).default(2048),
  /** Larger images are shrunk to so many pixels. */
  maxPixels: z.int().min(784).default(defaultMaxPixels),
  /** Conversations that decode together; requests at once to an endpoint. */
  batch: z.int().min(1).default(8),
  /** Describes images that have no description, and judges replies. Its replies are kept in `judge/` of `out` unless it says otherwise. */
  judge: JudgeOption.optional(),
  /** File of descriptions of images: `{id, description, benchmark?}`. */
  descriptions: z.string().optional(),
  device: z.string().default('cpu'),
  dtype: z.custom<FloatingDtype>().optional(),
  /** Directory of the result files; without it nothing is kept. */
  out: z.string().optional(),
  overwrite: z.boolean().default(false),
  signal: z.instanceof(AbortSignal).optional(),
  onProgress: z
    .custom<(progress: EvalProgress) => void>((value) => typeof value === 'function', 'a function')
    .optional(),
})
type Checked = Omit<z.output<typeof EvaluateOptions>, 'models'> & { models: Readonly<Record<string, ModelSource>> }
export type EvaluateOptions = Omit<z.input<typeof EvaluateOptions>, 'models'> & Pick<Checked, 'models'>

/** Where an evaluation stands, over all its models and tasks: first they reply, then the replies are scored. */
export interface EvalProgress extends Progress {
  stage: 'replies' | 'scores'
  model: string
  task: string
}

export interface Evaluation {
  /** By model and task. */
  results: Results
  paperMetrics: PaperMetrics
  failures: Failure[]
}

/**
 * Asks every model every question of every task and scores the replies: accuracy on benchmarks, and the fine-grained metrics M_vis, M_v2r and M_rea
 * of arXiv 2602.12395, with transitions between their settings and bootstrap intervals.
 *
 * Writes to `out`: `<model>/replies/<task>.jsonl` as replies come, then what `scoreRun` writes. Called again with the same options it continues;
 * a question that fails is in `failures.jsonl` and counts nowhere.
 * Throws `ERR_UNKNOWN_OPTION` for an unknown task, `ERR_DATA`, what loading a checkpoint throws, `ERR_ENDPOINT`, `ERR_RUN_MISMATCH`, `ERR_ABORTED`.
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  const checked = check(EvaluateOptions, options) as Checked
  const { models, out, overwrite, signal, batch, onProgress } = checked
  const set = checked.set ?? (checked.data !== undefined && (await isWorld(checked.data)) ? 'world' : 'v2')
  const asked = await readTasks(set, checked)
  const judge = await judgeOf(checked.judge, out, signal)
  const { descriptions: file, maxPixels } = checked
  const describe = await describing(asked, { file, judge, maxPixels })
  await using run = await openRun({
    out,
    overwrite,
    signal,
    command: 'eval',
    arguments: argumentsOf(checked, set, asked, judge),
    models: await identities(models, out !== undefined, signal),
    data: Object.assign(
      {},
      ...asked.map(({ sources }) => sources),
      file && { descriptions: { path: file, sha256: await hashFile(file) } },
    ),
  })
  await replyToAll(run, asked, checked, describe)
  const results = await scoreRun(run, asked, {
    judge,
    concurrency: batch,
    signal,
    onProgress: (progress) => onProgress?.({ stage: 'scores', ...progress }),
  })
  return { results, paperMetrics: paperMetrics(results), failures: await run.failures() }
}

/** The judge that `option` is or says how to reach. */
export async function judgeOf(
  option: Judge | JudgeOptions | undefined,
  out: string | undefined,
  signal?: AbortSignal,
): Promise<Judge | undefined> {
  if (option === undefined || option instanceof Judge) return option
  return openJudge({ cache: out === undefined ? undefined : join(out, 'judge'), ...option }, signal)
}

async function readTasks(set: SetName, { tasks: names, data, ...options }: Checked): Promise<Asked[]> {
  const tasks = tasksOf(names, set)
  const several = new Set(tasks.map(({ benchmark }) => benchmark)).size > 1
  const asked: Asked[] = []
  for (const task of tasks) {
    const source = data === undefined ? undefined : await dataOf(task.benchmark, data, several)
    asked.push(await readQuestions(task, { ...options, data: source }))
  }
  return asked
}

// What decides replies. Verdicts can be passed again (`regrade`), and how many decode together decides nothing.
function argumentsOf(options: Checked, set: SetName, asked: readonly Asked[], judge: Judge | undefined) {
  const { samples = null, seed, style = null, maxNewTokens, maxPixels, dtype = null } = options
  const tasks = asked.map(({ task, split }) => ({
    task: task.name,
    benchmark: task.benchmark,
    split,
    settings: [...task.settings],
  }))
  const described = asked.some(({ task }) => task.settings.some(needsDescription))
  const describer = described ? (judge?.model ?? null) : null
  return { tasks, set, samples, seed, style, max_new_tokens: maxNewTokens, max_pixels: maxPixels, dtype, describer }
}

async function replyToAll(run: Run, asked: readonly Asked[], options: Checked, describe: Describe): Promise<void> {
  const { models, onProgress, batch } = options
  const files = Object.keys(models).flatMap((model) =>
    asked.map(({ task, items }) => ({ file: repliesFile(model, task.name), items })),
  )
  const total = files.reduce((sum, { items }) => sum + items.length, 0)
  const done = files.reduce((sum, { file }) => sum + run.finished(file), 0)
  const meter = new ProgressMeter(total, done, (await run.failures()).length)
  for (const [model, source] of Object.entries(models)) {
    const isOpen = ({ task, items }: Asked) => run.finished(repliesFile(model, task.name)) < items.length
    if (!asked.some(isOpen)) continue
    await using opened = await openModel(source, options)
    const answered: Answered = new Map()
    for (const one of asked) {
      const { task, items } = one
      const file = repliesFile(model, task.name)
      for (const record of await run.records<ReplyRecord>(file)) answered.set(record.prompt_sha256, record)
      const report = (failed: boolean) =>
        onProgress?.({ stage: 'replies', model, task: task.name, ...meter.sampleFinished(failed) })
      await run.forEach(
        file,
        items,
        async (item, signal) => {
          const replies = answer(opened.respondent, one, item, answered, { ...options, describe }, signal)
          replies.then(
            () => report(false),
            () => signal.aborted || report(true),
          )
          return replies
        },
        // twice as many as decode: the next prompts are made meanwhile
        { concurrency: Math.ceil((2 * batch) / task.settings.length) },
      )
    }
  }
}
