import { error } from '../errors.ts'
import type { Judge } from '../judge/index.ts'
import { inOrder } from '../run/in-order.ts'
import { type Progress, ProgressMeter } from '../run/progress.ts'
import type { Run } from '../run/run.ts'
import type { ReplyRecord } from './answer.ts'
import type { Asked } from './questions.ts'
import { judged, score } from './scoring.ts'
import { detailRows, markdown, paperMetrics, type Results, resultRows } from './table.ts'
import { type EvalRecord, summariseTask, type TaskSummary } from './task-summary.ts'

/** Where the replies of a model to a task lie in a run. */
export function repliesFile(model: string, task: string): string {
  return `${model}/replies/${task}.jsonl`
}

export interface ScoreOptions {
  judge?: Judge
  /** Replies that a judge has before it at once. */
  concurrency: number
  signal?: AbortSignal
  onProgress?: (progress: Progress & { model: string; task: string }) => void
}

/**
 * Scores the replies of a run and writes `<model>/<task>.jsonl` and `.summary.json`, `summary.json`, `paper_metrics.json` and `table.md`. It needs no
 * model, and can be repeated.
 */
export async function scoreRun(run: Run, asked: readonly Asked[], options: ScoreOptions): Promise<Results> {
  const results: Results = {}
  const finished = Object.keys(run.config.models).flatMap((model) =>
    asked.map(({ task }) => run.finished(repliesFile(model, task.name))),
  )
  const meter = new ProgressMeter(
    finished.reduce((sum, count) => sum + count, 0),
    0,
    0,
  )
  for (const model of Object.keys(run.config.models)) {
    results[model] = {}
    for (const one of asked) results[model][one.task.name] = await scoreTask(run, model, one, options, meter)
  }
  await run.writeJson('summary.json', results)
  await run.writeJson('paper_metrics.json', paperMetrics(results))
  await run.write('table.md', `${markdown(resultRows(results))}\n${markdown(detailRows(results))}`)
  return results
}

async function scoreTask(
  run: Run,
  model: string,
  asked: Asked,
  { judge, concurrency, signal, onProgress }: ScoreOptions,
  meter: ProgressMeter,
): Promise<TaskSummary> {
  const { task, of, items, split, dataSha256 } = asked
  const byId = new Map(items.map((item) => [item.id, item]))
  const replies = await run.records<ReplyRecord>(repliesFile(model, task.name))
  const from = { model, model_sha256: run.config.models[model]!.sha256 || null, split, data_sha256: dataSha256 }
  const scored = inOrder(
    replies,
    { concurrency: judge ? concurrency : 1, signal },
    async (reply, signal): Promise<EvalRecord> => {
      if (signal.aborted) throw error('ERR_ABORTED', `Aborted; the same command scores the replies in ${run.directory}`)
      const { id, setting, response, ...provenance } = reply
      const item = byId.get(id)!
      const verdicts = await (judge ? judged(judge, of, item, response, signal) : score(of, item, response))
      return { id, task: task.name, setting, response, ...verdicts, ...from, ...provenance }
    },
  )
  const records: EvalRecord[] = []
  for await (const record of scored) {
    records.push(record)
    if (record.setting === task.settings.at(-1))
      onProgress?.({ model, task: task.name, ...meter.sampleFinished(false) })
  }
  const summary = summariseTask(asked, records, judge ? 'judge' : 'rule', run.finished(repliesFile(model, task.name)))
  await run.write(`${model}/${task.name}.jsonl`, records.map((record) => `${JSON.stringify(record)}\n`).join(''))
  await run.writeJson(`${model}/${task.name}.summary.json`, summary)
  return summary
}
