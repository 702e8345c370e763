import { join } from 'node:path'
import { z } from 'zod'
import { check } from '../check.ts'
import { benchmark } from '../data/index.ts'
import { dataOf } from './questions.ts'
import { type RepliesSummary, type ScoreRepliesOptions, scoreReplies } from './replies.ts'

export interface ScoreTasksOptions extends Omit<ScoreRepliesOptions, 'task' | 'mixed' | 'onProgress'> {
  tasks: readonly string[]
  onProgress?: (task: string, progress: { done: number; total: number }) => void
}

const tasksSchema = z
  .array(z.string())
  .min(1)
  .refine((tasks) => new Set(tasks).size === tasks.length, 'different tasks')

/**
 * Scores replies to one or several benchmarks, one after the other. Those to several lie in one file, each with its benchmark as `task`; their results go to a
 * folder of `out` for each benchmark. `data` is the benchmark's own file or folder, or a folder that holds one named after each.
 * Throws what `scoreReplies` throws; benchmarks that were finished before stay.
 */
export async function scoreTasks({
  tasks: names,
  onProgress,
  ...options
}: ScoreTasksOptions): Promise<Record<string, RepliesSummary>> {
  const tasks = check(tasksSchema, names, 'options.tasks')
  // A misspelled name fails before the first benchmark is scored.
  for (const task of tasks) benchmark(task)
  const mixed = tasks.length > 1
  const summaries: Record<string, RepliesSummary> = {}
  for (const task of tasks) {
    const { summary } = await scoreReplies({
      ...options,
      task,
      mixed,
      data: options.data === undefined ? undefined : await dataOf(task, options.data, mixed),
      out: mixed ? join(options.out, task) : options.out,
      onProgress: (progress) => onProgress?.(task, progress),
    })
    summaries[task] = summary
  }
  return summaries
}
