import { bootstrap } from '../statistics/index.ts'
import type { ReplyRecord } from './answer.ts'
import type { Asked } from './questions.ts'
import type { Scored } from './scoring.ts'
import type { Setting } from './settings.ts'
import { type Accuracy, accuracy, type Estimate, estimate, fraction, type Summary, summarise } from './summary.ts'
import { metric, type Transitions, transitions } from './transitions.ts'

/** A line of `<model>/<task>.jsonl`: the reply, the verdicts, and everything that decided them. */
export interface EvalRecord extends ReplyRecord, Scored {
  task: string
  model: string
  model_sha256: string | null
  split: string
  data_sha256: string
}

/** The replies in one setting. */
export interface SettingSummary extends Accuracy {
  /** Replies that reached the token limit. */
  truncated: number
  truncation_rate: number
  /** Replies in which no answer was found. */
  unextracted: number
  extraction_failure_rate: number
}

/** `<model>/<task>.summary.json`. Fractions have 4 decimals; what has no data is null. */
export interface TaskSummary {
  task: string
  label: string
  benchmark: string
  split: string
  data_sha256: string
  /** Items the task selects from, of which `samples` were asked; `failed` of them could not be (`failures.jsonl`) and count nowhere. */
  population: number
  samples: number
  failed: number
  /** Whose verdict `result` counts: the benchmark's own rule, or the judge's. */
  verdict: 'rule' | 'judge'
  /** The metric, or the accuracy over all replies, with its 95 % bootstrap interval. */
  result: Estimate | null
  settings: Partial<Record<Setting, SettingSummary>>
  /** From the first setting to the second, where there are two. */
  transitions: Transitions | null
  breakdowns: Summary['breakdowns']
}

/** What the records of a task come to. `samples`: how many questions were asked, failed ones included. */
export function summariseTask(
  { task, of, split, dataSha256, population, items }: Asked,
  records: readonly EvalRecord[],
  verdict: 'rule' | 'judge',
  samples: number,
): TaskSummary {
  const byId = new Map<string, EvalRecord[]>()
  for (const record of records) {
    if (!byId.get(record.id)?.push(record)) byId.set(record.id, [record])
  }
  const right = (record: EvalRecord) => (verdict === 'judge' ? record.correct_judged === true : record.correct)
  const questions = [...byId.values()].map((answers) =>
    task.settings.map((setting) => right(answers.find((record) => record.setting === setting)!)),
  )
  const column = (index: number) => questions.map((verdicts) => verdicts[index]!)
  const groups = new Map(items.map((item) => [item.id, item]))
  const verdicts = records.map((record) => ({ item: groups.get(record.id)!, verdict: record }))
  return {
    task: task.name,
    label: task.label,
    benchmark: of.name,
    split,
    data_sha256: dataSha256,
    population,
    samples,
    failed: samples - questions.length,
    verdict,
    result: task.metric
      ? metric(task.metric, questions)
      : records.length === 0
        ? null
        : estimate(bootstrap(records.map(right))),
    settings: Object.fromEntries(
      task.settings.flatMap((setting) => {
        const shown = records.filter((record) => record.setting === setting)
        return shown.length === 0 ? [] : [[setting, summariseSetting(shown)]]
      }),
    ),
    transitions: task.settings.length === 2 ? transitions(column(0), column(1)) : null,
    breakdowns: task.metric ? {} : summarise(verdicts, of.breakdowns).breakdowns,
  }
}

function summariseSetting(records: readonly EvalRecord[]): SettingSummary {
  const truncated = records.filter(({ finish_reason }) => finish_reason === 'length').length
  const unextracted = records.filter(({ extracted }) => extracted === '').length
  return {
    ...accuracy(records),
    truncated,
    truncation_rate: fraction(truncated / records.length),
    unextracted,
    extraction_failure_rate: fraction(unextracted / records.length),
  }
}
