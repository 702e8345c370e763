import { z } from 'zod'
import { check, expected } from '../check.ts'
import type { Progress } from '../run/progress.ts'
import { type Schedule, scheduleTypes } from './schedule.ts'

/** What supervised and reinforcement training share; names are TRL's in camelCase. */
export const CommonOptions = z.strictObject({
  /** JSONL (or JSON, parquet) of data records. */
  data: z.string(),
  /** Records that are only measured. */
  eval: z.string().optional(),
  /** Steps between measurements on `eval`; default those between saves. */
  evalSteps: z.int().min(1).optional(),
  /** Optimizer steps; default what `epochs` make. */
  steps: z.int().min(1).optional(),
  /** Passes over the data. */
  epochs: z.number().gt(0).optional(),
  /** Selectors of what stays as it is: `middle`, `vision`, `language_model.layers[9:19]`, … */
  freeze: z.array(z.string()).default([]),
  /** First decoder layer of `middle` and of `late`; default the thirds. */
  layerCuts: z.tuple([z.int(), z.int()]).optional(),
  warmupSteps: z.int().min(0).optional(),
  adamBeta1: z.number().min(0).lt(1).default(0.9),
  adamBeta2: z.number().min(0).lt(1).default(0.999),
  adamEpsilon: z.number().gt(0).default(1e-8),
  /** Gradients are scaled down to this norm. */
  maxGradNorm: z.number().gt(0).default(1),
  activationCheckpointing: z.boolean().default(false),
  /** Most tokens whose graph is held at once; changes memory and time, not results beyond rounding. */
  tokensAtOnce: z.int().min(1).default(8192),
  seed: z.int().min(0).default(0),
  /** Steps between saves of the state from which a killed run goes on. */
  saveSteps: z.int().min(1).default(100),
  /** Run directory: `last/`, `best/`, `metrics.jsonl`, `frozen.json`. */
  out: z.string(),
  overwrite: z.boolean().default(false),
  signal: z.instanceof(AbortSignal).optional(),
  onProgress: z.custom<(progress: Progress) => void>((value) => typeof value === 'function', 'a function').optional(),
  /** Called with each line of `metrics.jsonl`. */
  onMetrics: z.custom<(metrics: Metrics) => void>((value) => typeof value === 'function', 'a function').optional(),
  /** Called once, before the first step, with what is trained and what is frozen. */
  onStart: z.custom<(start: Start) => void>((value) => typeof value === 'function', 'a function').optional(),
})
export type CommonOptions = z.output<typeof CommonOptions>

export const scheduleOptions = {
  lrSchedulerType: z.enum(scheduleTypes),
  weightDecay: z.number().min(0),
  lr: z.number().gt(0),
  batch: z.int().min(1),
}

/** A line of `metrics.jsonl`: the step, counted from 1, and what was measured in it. */
export type Metrics = { step: number } & Record<string, number>

export interface Start {
  /** Steps done by earlier processes. */
  done: number
  steps: number
  records: number
  trainable: import('../model/freezing.ts').Trainable
}

/** The schedule of a run over `records` records, `batch` a step. Without a warm-up of its own it has `warmupRatio` of its steps. */
export function scheduleOf(
  options: CommonOptions & { lrSchedulerType: Schedule['type']; lr: number; batch: number },
  records: number,
  warmupRatio: number,
): Schedule {
  const { steps: given, epochs } = options
  if (given !== undefined && epochs !== undefined) throw expected('steps or epochs', 'options', options)
  const steps = given ?? Math.max(1, Math.round(((epochs ?? 1) * records) / options.batch))
  const warmupSteps = options.warmupSteps ?? Math.ceil(warmupRatio * steps)
  return { type: options.lrSchedulerType, lr: options.lr, steps, warmupSteps }
}

/** `options` as `config.json` keeps them: what decides the result, in snake_case; paths, displays and how much memory to use do not. */
export function decisive(options: Record<string, unknown>): Record<string, z.core.util.JSONType> {
  const aside = [
    'data',
    'eval',
    'out',
    'overwrite',
    'signal',
    'onProgress',
    'onMetrics',
    'onStart',
    'rewards',
    'reward',
  ]
  const entries = Object.entries(options).filter(([name, value]) => !aside.includes(name) && value !== undefined)
  const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  return check(z.record(z.string(), z.json()), Object.fromEntries(entries.map(([name, value]) => [snake(name), value])))
}
