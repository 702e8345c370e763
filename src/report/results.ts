import { join } from 'node:path'
import { z } from 'zod'
import type { Role } from './manifest.ts'
import { inStudyOrder, type Material, readJson, roleOf } from './runs.ts'

const rate = z.number().nullable()
const Estimate = z.object({ value: z.number(), low: z.number(), high: z.number() })
const Transitions = z.looseObject({
  TT: z.number(),
  TF: z.number(),
  FT: z.number(),
  FF: z.number(),
  net_gain: z.number(),
  side_effect_rate: rate,
  lift_rate: rate,
})
const Summary = z.looseObject({
  task: z.string(),
  label: z.string(),
  samples: z.number(),
  failed: z.number(),
  result: Estimate.nullable(),
  settings: z.record(
    z.string(),
    z.looseObject({ total: z.number(), truncation_rate: rate.optional(), extraction_failure_rate: rate.optional() }),
  ),
  transitions: Transitions.nullable(),
})
/** `summary.json` of an evaluation: summaries by model and task. */
const Results = z.record(z.string(), z.record(z.string(), Summary))
export type Results = z.infer<typeof Results>

/** What all evaluations of a directory found, and the models in the order of the study. */
export async function readResults(material: Material): Promise<{ results: Results; models: string[] }> {
  const results: Results = {}
  for (const { directory } of material.runs.filter(({ config }) => config.command === 'eval')) {
    const found = await readJson(join(directory, 'summary.json'), Results)
    for (const [model, tasks] of Object.entries(found ?? {})) results[model] = { ...results[model], ...tasks }
  }
  return { results, models: inStudyOrder(Object.keys(results), material) }
}

export interface PaperTable {
  title: string
  note: string
  models: string[]
}

/** The paper's two tables for the models at hand, and one of the models that are in neither. */
export function paperTables(models: readonly string[], material: Material): PaperTable[] {
  const having = (...wanted: Role[]) => models.filter((model) => wanted.includes(roleOf(model, material)))
  const tables: PaperTable[] = []
  if (having('splice').length > 0)
    tables.push({
      title: 'Transfer: thirds of IN and RL in one model',
      note: 'Everything outside the decoder layers comes from the model named first.',
      models: having('base', 'in', 'rl', 'splice'),
    })
  const frozen = having('frozen-early', 'frozen-middle', 'frozen-late')
  if (frozen.length > 0)
    tables.push({
      title: 'Necessity: reinforcement learning with a third of the decoder frozen',
      note: 'Trained from IN as RL was, but for the frozen layers.',
      models: [...having('in', 'rl'), ...frozen],
    })
  const listed = new Set(tables.flatMap((table) => table.models))
  const rest = models.filter((model) => !listed.has(model))
  if (rest.length > 0) tables.push({ title: listed.size > 0 ? 'Other models' : 'Results', note: '', models: rest })
  return tables
}

/** Names and labels of the tasks, in the order of the evaluation. */
export function labelsOf(results: Results): [string, string][] {
  return [
    ...new Map(
      Object.values(results).flatMap((tasks) => Object.values(tasks).map(({ task, label }) => [task, label] as const)),
    ),
  ]
}
