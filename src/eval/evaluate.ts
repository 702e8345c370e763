import { z } from 'zod'
import { check } from '../check.ts'
import { promptStyles } from '../data/index.ts'
import { VisionLanguageModel } from '../model/model.ts'
import type { RunConfig } from '../run/config.ts'
import { hashCheckpoint, hashJson } from '../run/hash.ts'
import { type Progress, ProgressMeter } from '../run/progress.ts'
import { type Failure, openRun, type Run } from '../run/run.ts'
import type { FloatingDtype } from '../tensor/dtype.ts'
import { type Answered, answer, type ReplyRecord } from './answer.ts'
import { defaultMaxPixels } from './images.ts'
import { type Asked, dataOf, isWorld, readQuestions } from './questions.ts'
import { batchRespondent, type Respondent } from './respondent.ts'
import { score } from './scoring.ts'
import { detailRows, markdown, type PaperMetrics, paperMetrics, type Results, resultRows } from './table.ts'
import { type EvalRecord, summariseTask } from './task-summary.ts'
import { sets, tasksOf } from './tasks.ts'

const names = z.record(z.string().regex(/^\w[\w.+-]*$/), z.unknown())

const EvaluateOptions = z.strictObject({
  /** By the name they have in tables and as folders of `out`: see `ModelSource`. */
  models: names,
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
  /** Conversations that decode together. */
  batch: z.int().min(1).default(8),
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
type Checked = z.output<typeof EvaluateOptions>

/** A checkpoint's directory or name on the Hub, a loaded model, or whatever else replies. */
export type ModelSource = string | VisionLanguageModel | Respondent
export type EvaluateOptions = Omit<z.input<typeof EvaluateOptions>, 'models'> & {
  models: Readonly<Record<string, ModelSource>>
}

/** Where an evaluation stands, over all its models and tasks. */
export interface EvalProgress extends Progress {
  model: string
  task: string
}

export interface Evaluation {
  results: Results
  paperMetrics: PaperMetrics
  failures: Failure[]
}

/**
 * Asks every model every question of every task and scores the replies: accuracy on benchmarks, and the fine-grained metrics M_vis, M_v2r and M_rea
 * of arXiv 2602.12395, with transitions between their settings and bootstrap intervals.
 *
 * Writes to `out`: `<model>/replies/<task>.jsonl` as replies come, then `<model>/<task>.jsonl` and `.summary.json`, `summary.json`,
 * `paper_metrics.json` and `table.md`. Called again with the same options it continues; a question that fails is in `failures.jsonl` and counts nowhere.
 * Throws `ERR_UNKNOWN_OPTION` for an unknown task, `ERR_DATA`, what loading a checkpoint throws, `ERR_RUN_MISMATCH`, `ERR_ABORTED`.
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  const checked = check(EvaluateOptions, options)
  const { out, overwrite, signal } = checked
  const asked = await readTasks(checked)
  await using run = await openRun({
    out,
    overwrite,
    signal,
    command: 'eval',
    arguments: argumentsOf(checked, asked),
    models: await identities(checked.models as Record<string, ModelSource>, out !== undefined, signal),
    data: Object.assign({}, ...asked.map(({ sources }) => sources)),
  })
  await replies(run, asked, checked)
  const results: Results = {}
  for (const [model, { sha256 }] of Object.entries(run.config.models)) {
    results[model] = {}
    for (const one of asked) results[model][one.task.name] = await scoreTask(run, { model, sha256 }, one)
  }
  await writeResults(run, results)
  return { results, paperMetrics: paperMetrics(results), failures: await run.failures() }
}

async function readTasks({ tasks: names, data, set, ...options }: Checked): Promise<Asked[]> {
  const tasks = tasksOf(names, set ?? (data !== undefined && (await isWorld(data)) ? 'world' : 'v2'))
  const several = new Set(tasks.map(({ benchmark }) => benchmark)).size > 1
  const asked: Asked[] = []
  for (const task of tasks) {
    const source = data === undefined ? undefined : await dataOf(task.benchmark, data, several)
    asked.push(await readQuestions(task, { ...options, data: source }))
  }
  return asked
}

function argumentsOf(options: Checked, asked: readonly Asked[]) {
  const { samples = null, seed, style = null, maxNewTokens, maxPixels, dtype = null } = options
  const tasks = asked.map(({ task, split }) => ({
    task: task.name,
    benchmark: task.benchmark,
    split,
    settings: [...task.settings],
  }))
  return { tasks, samples, seed, style, max_new_tokens: maxNewTokens, max_pixels: maxPixels, dtype }
}

async function identities(models: Record<string, ModelSource>, kept: boolean, signal?: AbortSignal) {
  const found: RunConfig['models'] = {}
  for (const [name, source] of Object.entries(models)) {
    const path =
      typeof source === 'string' ? source : source instanceof VisionLanguageModel ? source.directory : undefined
    if (path === undefined) found[name] = { sha256: hashJson((source as Respondent).provenance) }
    // without a directory nothing is continued, so nothing needs a hash
    else found[name] = { path, sha256: kept ? await hashCheckpoint(path, signal) : '' }
  }
  return found
}

const repliesFile = (model: string, task: string) => `${model}/replies/${task}.jsonl`

async function replies(run: Run, asked: readonly Asked[], options: Checked): Promise<void> {
  const { models, onProgress } = options
  const files = Object.keys(models).flatMap((model) => asked.map(({ task, items }) => ({ model, task, items })))
  const done = files.reduce((sum, { model, task }) => sum + run.finished(repliesFile(model, task.name)), 0)
  const total = files.reduce((sum, { items }) => sum + items.length, 0)
  const meter = new ProgressMeter(total, done, (await run.failures()).length)
  for (const [model, source] of Object.entries(models)) {
    const open = asked.filter(({ task, items }) => run.finished(repliesFile(model, task.name)) < items.length)
    if (open.length === 0) continue
    await using respondent = await respond(source as ModelSource, options)
    const answered: Answered = new Map()
    for (const one of asked) {
      const { task, items } = one
      const file = repliesFile(model, task.name)
      for (const record of await run.records<ReplyRecord>(file)) answered.set(record.prompt_sha256, record)
      const counted = async (item: (typeof items)[number], signal: AbortSignal) => {
        let failed = true
        try {
          const records = await answer(
            respondent.respondent,
            one,
            item,
            answered,
            { ...options, descriptions: new Map() },
            signal,
          )
          failed = false
          return records
        } finally {
          if (!signal.aborted) onProgress?.({ model, task: task.name, ...meter.sampleFinished(failed) })
        }
      }
      const concurrency = Math.ceil((2 * options.batch) / task.settings.length)
      await run.forEach(file, items, counted, { concurrency })
    }
  }
}

/** What replies for `source`; disposing it gives back what was opened here, not what the caller brought. */
async function respond(source: ModelSource, { batch, device, dtype, signal }: Checked) {
  if (typeof source !== 'string' && !(source instanceof VisionLanguageModel))
    return { respondent: source, [Symbol.asyncDispose]: async () => {} }
  const model = typeof source === 'string' ? await VisionLanguageModel.load(source, { device, dtype, signal }) : source
  const rows = model.batch({ maxRows: batch })
  return {
    respondent: await batchRespondent(model, rows),
    async [Symbol.asyncDispose]() {
      await rows.dispose()
      if (model !== source) await model.dispose()
    },
  }
}

async function scoreTask(run: Run, { model, sha256 }: { model: string; sha256: string }, asked: Asked) {
  const { task, of, items, split, dataSha256 } = asked
  const byId = new Map(items.map((item) => [item.id, item]))
  const records: EvalRecord[] = []
  for (const { id, setting, response, ...provenance } of await run.records<ReplyRecord>(
    repliesFile(model, task.name),
  )) {
    const scored = await score(of, byId.get(id)!, response)
    const from = { model, model_sha256: sha256 || null, split, data_sha256: dataSha256 }
    records.push({ id, task: task.name, setting, response, ...scored, ...from, ...provenance })
  }
  const summary = summariseTask(asked, records, 'rule')
  await run.write(`${model}/${task.name}.jsonl`, records.map((record) => `${JSON.stringify(record)}\n`).join(''))
  await run.writeJson(`${model}/${task.name}.summary.json`, summary)
  return summary
}

async function writeResults(run: Run, results: Results): Promise<void> {
  await run.writeJson('summary.json', results)
  await run.writeJson('paper_metrics.json', paperMetrics(results))
  await run.write('table.md', `${markdown(resultRows(results))}\n${markdown(detailRows(results))}`)
}
